//! Reads after an unclear write.

use super::StoreError;
use crate::net::backoff::Backoff;
use tokio::time::Instant;

/// Reads back the result of an unclear write until the deadline: immediately the first time, then after pauses, so that a
/// failing store is not flooded and another writer can finish.
pub(super) struct Readback {
    deadline: Instant,
    backoff: Option<Backoff>,
    /// Why the last write was unclear.
    last: Option<StoreError>,
}

impl Readback {
    /// Until this deadline.
    pub(super) const fn until(deadline: Instant) -> Self {
        Self { deadline, backoff: None, last: None }
    }

    /// A write was unclear. Its error is more specific than the deadline.
    pub(super) fn note(&mut self, error: StoreError) {
        if error != StoreError::deadline(None) {
            self.last = Some(error);
        }
    }

    /// Waits before the next read.
    pub(super) async fn pause(&mut self) -> Result<(), StoreError> {
        match &mut self.backoff {
            None => self.backoff = Some(Backoff::within_a_request()),
            Some(backoff) => {
                tokio::time::sleep_until(self.deadline.min(Instant::now() + backoff.pause(None))).await;
            }
        }
        if Instant::now() < self.deadline { Ok(()) } else { Err(StoreError::deadline(self.last.as_ref())) }
    }

    /// If the deadline passed during the read, the error of the write is more specific.
    pub(super) fn explain(&self, error: StoreError) -> StoreError {
        match &self.last {
            Some(last) if error == StoreError::deadline(None) => StoreError::deadline(Some(last)),
            _ => error,
        }
    }
}
