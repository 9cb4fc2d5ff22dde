use crate::hashed::Hashed;
use crate::history::History;
use crate::store::Store;
use crate::task::{Stray, Task};
use azurehsm_signer::marks::Seen;

/// Everything at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// What each instance has seen of each mark.
    pub(crate) seen: Vec<Vec<Hashed<Seen>>>,
    /// The container that each instance has checked when it connected; none, if it has not connected.
    pub(crate) connected: Vec<Option<u8>>,
    /// How far each request is.
    pub(crate) progress: Vec<Progress>,
    pub(crate) store: Store,
    /// Sorted nowhere: two orders of the same writes count as two states.
    pub(crate) strays: Vec<Hashed<Stray>>,
    pub(crate) history: History,
    /// Crashes that may still happen.
    pub(crate) crashes: u8,
    /// Other faults that may still happen.
    pub(crate) faults: u8,
    /// Losses of the store that may still happen.
    pub(crate) losses: u8,
}

/// How far a request is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Progress {
    /// On its way, or held up: it may arrive at any time, anywhere.
    Waiting,
    /// In an instance.
    Active { instance: usize, task: Hashed<Task> },
    /// Answered, or its instance has died.
    Over,
}

impl State {
    pub(crate) fn is_over(&self) -> bool {
        self.progress.iter().all(|progress| *progress == Progress::Over)
    }

    /// Whether an instance is as if it had just started, and idle.
    pub(crate) fn is_new(&self, instance: usize) -> bool {
        self.connected[instance].is_none()
            && self.seen[instance].iter().all(|seen| **seen == Seen::default())
            && !self.progress.iter().any(|progress| progress.is_at(instance))
    }

    /// The same state with the instances in an order of its own: which is called first makes no difference.
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
