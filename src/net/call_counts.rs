//! Counts of calls to a service that were repeated, throttled or denied.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start, of one service.
#[derive(Debug, Default)]
pub struct CallCounts {
    hedges: AtomicU64,
    retries: AtomicU64,
    throttled: AtomicU64,
    denied: AtomicU64,
}

impl CallCounts {
    /// A call has started while an earlier one for the same result is unanswered.
    pub(crate) fn hedged(&self) {
        self.hedges.fetch_add(1, Ordering::Relaxed);
    }

    /// A call has started after an earlier one for the same result failed.
    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// The service has answered 429.
    pub(crate) fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    /// The service has answered 403.
    pub(crate) fn denied(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    /// Hedged calls.
    pub fn hedges(&self) -> u64 {
        self.hedges.load(Ordering::Relaxed)
    }

    /// Retried calls.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Answers 429.
    pub fn throttles(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// Answers 403.
    pub fn denials(&self) -> u64 {
        self.denied.load(Ordering::Relaxed)
    }
}
