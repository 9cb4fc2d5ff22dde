//! When pushing begins to fail, and when it works again.

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Why the last request failed, which the exporter's own error omits.
#[derive(Debug, Clone, Default)]
pub(super) struct LastError(Arc<Mutex<Option<String>>>);

impl LastError {
    pub(super) fn replace(&self, error: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Whether pushes are failing.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    pub(super) last_error: LastError,
    is_on: AtomicBool,
}

/// What a push has changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OutageChange {
    /// It is the first that failed, for this reason.
    Began(String),
    /// It is the first that succeeded.
    Ended,
}

impl Outage {
    /// Records the result of a push. Only what changes is to be logged.
    pub(crate) fn pushed(&self, result: &OTelSdkResult) -> Option<OutageChange> {
        let cause = self.last_error.take();
        let was_on = self.is_on.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Err(error) if !was_on => {
                let error = match error {
                    OTelSdkError::InternalFailure(reason) => reason.clone(),
                    other => other.to_string(),
                };
                Some(OutageChange::Began(cause.unwrap_or(error)))
            }
            Ok(()) if was_on => Some(OutageChange::Ended),
            _ => None,
        }
    }
}
