//! The instances of an app.

use crate::instance::{Instance, InstanceState, Setup};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The instances of an app, which take turns in answering requests.
#[derive(Debug)]
pub(crate) struct Instances {
    pub(crate) setup: Arc<Setup>,
    pub(crate) all: Vec<Arc<Instance>>,
    pub(crate) turn: AtomicUsize,
}

impl Instances {
    /// The instance for the next request: one that has started, if there is one.
    pub(crate) fn next(&self) -> Option<&Instance> {
        let of = |is_wanted: fn(InstanceState) -> bool| {
            self.all.iter().filter(|instance| is_wanted(instance.info().state)).collect::<Vec<_>>()
        };
        let started = of(|state| !matches!(state, InstanceState::Starting | InstanceState::Stopped));
        let candidates = if started.is_empty() { of(|state| state == InstanceState::Starting) } else { started };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        candidates.get(turn.checked_rem(candidates.len())?).map(|instance| &***instance)
    }
}
