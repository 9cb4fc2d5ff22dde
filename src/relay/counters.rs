//! What is counted of each upstream.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    requests: AtomicU64,
    wins: AtomicU64,
    hedges: AtomicU64,
    errors: AtomicU64,
    probes: AtomicU64,
    round_trip_us: AtomicU64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// Requests with a credential.
    pub(super) requests: u64,
    /// Requests whose reply became the answer.
    pub(super) wins: u64,
    /// Requests sent while another one for the same bytes was in flight.
    pub(super) hedges: u64,
    /// Failures.
    pub(super) errors: u64,
    /// Requests without a credential.
    pub(super) probes: u64,
    /// The time that the last probe took; zero if there was none.
    pub(super) round_trip: Duration,
}

impl Counters {
    pub(super) fn requested(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn won(&self) {
        self.wins.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn hedged(&self) {
        self.hedges.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn probed(&self, round_trip: Duration) {
        self.probes.fetch_add(1, Ordering::Relaxed);
        self.round_trip_us.store(u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            requests: get(&self.requests),
            wins: get(&self.wins),
            hedges: get(&self.hedges),
            errors: get(&self.errors),
            probes: get(&self.probes),
            round_trip: Duration::from_micros(get(&self.round_trip_us)),
        }
    }
}
