//! The state of the modelled system.

use crate::hashed::Hashed;
use crate::history::{History, Observed, Violations};
use crate::store::Store;
use crate::task::{Stray, Task};
use azurehsm_signer::answer::Cause;
use azurehsm_signer::marks::Seen;

/// A global state of the system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// What each instance has seen of each mark.
    pub(crate) seen: Vec<Vec<Hashed<Seen>>>,
    /// What each instance knows of the container; `None` before it has connected.
    pub(crate) connected: Vec<Option<Connection>>,
    /// The container that the key's tag in the vault names.
    pub(crate) tag: u8,
    /// Progress of each request.
    pub(crate) progress: Vec<Progress>,
    pub(crate) store: Store,
    /// Unsorted: different orders of the same writes count as different states.
    pub(crate) strays: Vec<Hashed<Stray>>,
    pub(crate) history: History,
    /// How each request has ended, for relays. Empty in models without relays, where nobody distinguishes the endings.
    pub(crate) endings: Vec<Option<Ending>>,
    /// Crashes still allowed.
    pub(crate) crashes: u8,
    /// Other faults still allowed.
    pub(crate) faults: u8,
    /// Losses of the store still allowed.
    pub(crate) losses: u8,
}

/// What an instance knows of the container in use, and of the key's tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Connection {
    /// The container that it has checked last.
    pub(crate) container: u8,
    /// Whether that is not the one that it found first.
    pub(crate) is_recreated: bool,
    /// The container that the tag named when the keys were last read.
    pub(crate) tag: u8,
}

/// How a request has ended, if its signer has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ending {
    Signed,
    Refused(Cause),
    Failed,
}

/// The progress of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Progress {
    /// On its way or delayed: it may arrive at any time, at any instance.
    Waiting,
    /// In progress at an instance.
    Active { instance: usize, task: Hashed<Task> },
    /// Answered, or its instance has crashed.
    Over,
}

impl Observed for State {
    fn violations(&self) -> &Violations {
        &self.history.violations
    }
}

impl State {
    pub(crate) fn ends(&mut self, request: usize, ending: Ending) {
        if let Some(ended) = self.endings.get_mut(request) {
            *ended = Some(ending);
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.progress.iter().all(|progress| *progress == Progress::Over)
    }

    /// Whether an instance is idle and indistinguishable from a new one.
    pub(crate) fn is_new(&self, instance: usize) -> bool {
        self.connected[instance].is_none()
            && self.seen[instance].iter().all(|seen| **seen == Seen::default())
            && !self.progress.iter().any(|progress| progress.is_at(instance))
    }

    /// The same state with the instances in canonical order: instances are symmetric.
    pub(crate) fn with_instances_in_order(mut self) -> Self {
        let mut order: Vec<_> = (0..self.seen.len()).collect();
        order.sort_by_key(|instance| {
            let first = self.progress.iter().position(|progress| progress.is_at(*instance));
            let seen: Vec<_> = self.seen[*instance].iter().map(Hashed::hash_value).collect();
            (first.unwrap_or(usize::MAX), self.connected[*instance], seen)
        });
        if order.is_sorted() {
            return self;
        }
        self.connected = order.iter().map(|instance| self.connected[*instance]).collect();
        self.seen = order.iter().map(|instance| self.seen[*instance].clone()).collect();
        for progress in &mut self.progress {
            if let Progress::Active { instance, .. } = progress
                && let Some(place) = order.iter().position(|other| other == instance)
            {
                *instance = place;
            }
        }
        self
    }
}

impl Progress {
    pub(crate) fn active(instance: usize, task: Task) -> Self {
        Self::Active { instance, task: Hashed::new(task) }
    }

    fn is_at(&self, number: usize) -> bool {
        matches!(self, Self::Active { instance, .. } if *instance == number)
    }
}
