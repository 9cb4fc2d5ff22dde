//! Request counts by operation.

use crate::faults::Operation;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of requests for each operation.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<HashMap<Operation, u64>>);

impl Requests {
    pub(crate) fn count(&self, operation: Operation) {
        *self.lock().entry(operation).or_default() += 1;
    }

    /// The count for one operation, or of all requests for [`Operation::Any`].
    pub(crate) fn of(&self, operation: Operation) -> u64 {
        let counts = self.lock();
        match operation {
            Operation::Any => counts.values().sum(),
            _ => counts.get(&operation).copied().unwrap_or_default(),
        }
    }

    /// The counts that are not zero.
    pub(crate) fn all(&self) -> HashMap<Operation, u64> {
        self.lock().clone()
    }

    pub(crate) fn reset(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Operation, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
