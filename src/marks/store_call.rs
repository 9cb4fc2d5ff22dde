//! Whether the store answers: the outcome of the last calls.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a failed call counts against the store, if no other call is made.
const FAILURE_MEMORY: Duration = Duration::from_secs(30);

/// When the last call failed, unless a later one was answered.
#[derive(Debug, Default)]
pub(super) struct StoreCalls(Mutex<Option<Instant>>);

impl StoreCalls {
    /// A call begins.
    pub(super) const fn begin(&self) -> StoreCall<'_> {
        StoreCall { calls: self, answered: false }
    }

    /// Whether the last recent call succeeded.
    pub(super) fn are_answered(&self) -> bool {
        let failed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_none_or(|failed| failed.elapsed() > FAILURE_MEMORY)
    }

    fn set_failed(&self, failed: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }
}

/// A call to the store. One that is dropped before its answer counts as failed.
pub(super) struct StoreCall<'a> {
    calls: &'a StoreCalls,
    answered: bool,
}

impl StoreCall<'_> {
    /// The call ends.
    pub(super) fn ends(mut self, answered: bool) {
        self.answered = answered;
        if answered {
            self.calls.set_failed(None);
        }
    }
}

impl Drop for StoreCall<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.calls.set_failed(Some(Instant::now()));
        }
    }
}
