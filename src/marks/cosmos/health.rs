//! Tracks whether requests to Cosmos DB are answered, to decide when to reconnect.

use super::outcome::Outcome;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Whether requests are answered. Reads and writes count separately, since they may go to different regions.
#[derive(Default)]
pub(super) struct Health {
    outages: Mutex<Outages>,
    outage: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

#[derive(Default)]
struct Outages {
    reads: Option<Outage>,
    writes: Option<Outage>,
}

#[derive(Clone, Copy)]
struct Outage {
    /// When the first late or failed request began.
    since: Instant,
    /// When the first failed request ended.
    failing_since: Option<Instant>,
    last: Instant,
}

/// After this long, a request counts as late, although an answer may still arrive.
const LATE: Duration = Duration::from_secs(1);

/// How long an outage is remembered without further requests.
const MEMORY: Duration = Duration::from_secs(10);

impl Health {
    /// Runs a request, and records its outcome.
    pub(super) async fn watch<T>(
        &self,
        access: Access,
        request: impl Future<Output = Result<T, Outcome>>,
    ) -> Result<T, Outcome> {
        let start = Instant::now();
        let mut request = pin!(request);
        let result = if let Ok(result) = timeout(LATE, request.as_mut()).await {
            result
        } else {
            self.is_not_answered(access, start, false);
            request.await
        };
        match &result {
            Err(outcome) if !outcome.is_answered => self.is_not_answered(access, start, true),
            _ => *self.outages().of(access) = None,
        }
        result
    }

    /// How long requests have been late or failing; `None` if the recent ones were answered.
    pub(super) fn outage(&self) -> Option<Duration> {
        self.longest(|outage| Some(outage.since))
    }

    /// How long requests have been failing. Late ones do not count: a slow connection works.
    pub(super) fn failing(&self) -> Option<Duration> {
        self.longest(|outage| outage.failing_since)
    }

    fn longest(&self, start: impl Fn(Outage) -> Option<Instant>) -> Option<Duration> {
        let outages = self.outages();
        let lately =
            [outages.reads, outages.writes].into_iter().flatten().filter(|outage| outage.last.elapsed() < MEMORY);
        lately.filter_map(start).map(|start| start.elapsed()).max()
    }

    /// Waits until requests are late or fail.
    pub(super) async fn until_outage(&self) {
        loop {
            let notified = self.outage.notified();
            if self.outage().is_some() {
                return;
            }
            notified.await;
        }
    }

    /// Forgets outages of the previous connection.
    pub(super) fn reset(&self) {
        *self.outages() = Outages::default();
    }

    fn is_not_answered(&self, access: Access, start: Instant, has_failed: bool) {
        let now = Instant::now();
        let mut outages = self.outages();
        let outage = outages.of(access);
        let before = outage.filter(|outage| outage.last.elapsed() < MEMORY);
        let failing_since = before.and_then(|outage| outage.failing_since).or(has_failed.then_some(now));
        *outage = Some(Outage { since: before.map_or(start, |outage| outage.since), failing_since, last: now });
        drop(outages);
        self.outage.notify_waiters();
    }

    fn outages(&self) -> MutexGuard<'_, Outages> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outages {
    fn of(&mut self, access: Access) -> &mut Option<Outage> {
        match access {
            Access::Read => &mut self.reads,
            Access::Write => &mut self.writes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    fn outcome(is_answered: bool) -> Outcome {
        Outcome { is_answered, ..Outcome::unknown("") }
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_request_counts_before_it_ends() {
        let health = Health::default();
        let start = Instant::now();
        let request = health.watch(Access::Write, pending::<Result<(), _>>());
        tokio::select! {
            _ = request => unreachable!(),
            () = health.until_outage() => {}
        }
        assert_eq!(start.elapsed(), LATE);
        assert_eq!((health.outage(), health.failing()), (Some(LATE), None));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_only_an_outage_of_the_same_access() {
        let health = Health::default();
        let failed = async || Err::<(), _>(outcome(false));
        assert!(health.watch(Access::Write, failed()).await.is_err());
        assert!(health.watch(Access::Read, async { Ok(()) }).await.is_ok());
        assert!(health.failing().is_some(), "a read from another region proves nothing about writes");
        assert!(health.watch(Access::Write, async { Err::<(), _>(outcome(true)) }).await.is_err());
        assert!(health.outage().is_none(), "a refusal is an answer");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_forgotten_without_further_requests() {
        let health = Health::default();
        assert!(health.watch(Access::Read, async { Err::<(), _>(outcome(false)) }).await.is_err());
        tokio::time::advance(MEMORY).await;
        assert!(health.outage().is_none());
    }
}
