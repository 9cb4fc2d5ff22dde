//! The instances of an app, and which of them gets a request.

use crate::instance::{Instance, InstanceState};
use crate::log::LogLevel;
use crate::setup::Setup;
use crate::supervisor::Command;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(crate) struct Scale {
    setup: Arc<Setup>,
    instances: Mutex<Vec<Arc<Instance>>>,
    numbers: AtomicUsize,
    turn: AtomicUsize,
}

impl Scale {
    pub(crate) fn new(setup: Arc<Setup>) -> Arc<Self> {
        let (numbers, turn) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { setup, instances: Mutex::default(), numbers, turn })
    }

    pub(crate) fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    pub(crate) fn instances(&self) -> Vec<Arc<Instance>> {
        self.lock().clone()
    }

    pub(crate) fn instance(&self, number: usize) -> Option<Arc<Instance>> {
        self.lock().iter().find(|instance| instance.number == number).cloned()
    }

    /// Starts instances until there are so many, or takes away the last ones.
    pub(crate) fn scale_to(self: &Arc<Self>, count: usize) -> io::Result<()> {
        let mut instances = self.lock();
        while instances.len() < count {
            let instance = self.start_instance()?;
            instances.push(instance);
        }
        let superfluous = instances.split_off(count);
        drop(instances);
        stop(&superfluous);
        Ok(())
    }

    /// Replaces an instance by a new one, whose number it tells.
    pub(crate) fn replace(self: &Arc<Self>, number: usize) -> io::Result<Option<usize>> {
        let mut instances = self.lock();
        let Some(place) = instances.iter_mut().find(|instance| instance.number == number) else { return Ok(None) };
        let new = self.start_instance().inspect_err(|error| {
            self.setup.log.host(number, LogLevel::Error, format!("the instance cannot be replaced: {error}"));
        })?;
        let number = new.number;
        let old = std::mem::replace(place, new);
        drop(instances);
        old.command(Command::Stop(None));
        Ok(Some(number))
    }

    fn start_instance(self: &Arc<Self>) -> io::Result<Arc<Instance>> {
        Instance::start(&self.setup, self, self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// The instance for the next request: in turn, and one that has started if there is one.
    pub(crate) fn next(&self) -> Option<Arc<Instance>> {
        let instances = self.lock();
        let of = |is_wanted: fn(InstanceState) -> bool| {
            instances.iter().filter(|instance| is_wanted(instance.state())).collect::<Vec<_>>()
        };
        let started = of(|state| !matches!(state, InstanceState::Starting | InstanceState::Stopped));
        let candidates =
            if started.is_empty() { of(|state| matches!(state, InstanceState::Starting)) } else { started };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        candidates.get(turn.checked_rem(candidates.len())?).map(|instance| Arc::clone(instance))
    }

    /// Ends all instances for good.
    pub(crate) fn stop(&self) {
        let instances = std::mem::take(&mut *self.lock());
        stop(&instances);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Instance>>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All at once, then waits for each.
fn stop(instances: &[Arc<Instance>]) {
    let waiting = instances.iter().map(|instance| instance.begin_stop()).collect::<Vec<_>>();
    for stopped in waiting {
        // It has stopped before, otherwise.
        let _ = stopped.recv();
    }
}
