use super::outcome::Outcome;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Whether requests for marks are answered. Reads and writes count each for themselves: they may go to different regions.
#[derive(Default)]
pub(super) struct Health {
    outages: Mutex<Outages>,
    trouble: Notify,
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Reads a mark.
    Read,
    /// Writes one.
    Write,
}

#[derive(Default)]
struct Outages {
    reads: Option<Outage>,
    writes: Option<Outage>,
}

#[derive(Clone, Copy)]
struct Outage {
    /// The start of the first request that was not answered in time.
    since: Instant,
    /// The end of the first that failed.
    failing_since: Option<Instant>,
    last: Instant,
}

/// After this long, a request counts as not answered, although its answer may still come.
const LATE: Duration = Duration::from_secs(1);

/// How long trouble lasts if no more requests are made.
const MEMORY: Duration = Duration::from_secs(10);

impl Health {
    /// Waits for a request, and takes note of what becomes of it.
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

    /// For how long requests have been late or have failed, if they have lately.
    pub(super) fn trouble(&self) -> Option<Duration> {
        self.longest(|trouble| Some(trouble.since))
    }

    /// For how long requests have failed, if they have lately. Late ones do not count: a connection that is slow works.
    pub(super) fn failing(&self) -> Option<Duration> {
        self.longest(|trouble| trouble.failing_since)
    }

    fn longest(&self, start: impl Fn(Outage) -> Option<Instant>) -> Option<Duration> {
        let outages = self.outages();
        let lately =
            [outages.reads, outages.writes].into_iter().flatten().filter(|trouble| trouble.last.elapsed() < MEMORY);
        lately.filter_map(start).map(|start| start.elapsed()).max()
    }

    /// Waits until requests fail.
    pub(super) async fn until_trouble(&self) {
        loop {
            let notified = self.trouble.notified();
            if self.trouble().is_some() {
                return;
            }
            notified.await;
        }
    }

    /// What was before does not count: requests go over another connection now.
    pub(super) fn start_again(&self) {
        *self.outages() = Outages::default();
    }

    fn is_not_answered(&self, access: Access, start: Instant, has_failed: bool) {
        let now = Instant::now();
        let mut outages = self.outages();
        let trouble = outages.of(access);
        let before = trouble.filter(|trouble| trouble.last.elapsed() < MEMORY);
        let failing_since = before.and_then(|trouble| trouble.failing_since).or(has_failed.then_some(now));
        *trouble = Some(Outage { since: before.map_or(start, |trouble| trouble.since), failing_since, last: now });
        drop(outages);
        self.trouble.notify_waiters();
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
    async fn a_request_that_is_late_is_trouble_before_it_ends() {
        let health = Health::default();
        let start = Instant::now();
        let request = health.watch(Access::Write, pending::<Result<(), _>>());
        tokio::select! {
            _ = request => unreachable!(),
            () = health.until_trouble() => {}
        }
        assert_eq!(start.elapsed(), LATE);
        assert_eq!((health.trouble(), health.failing()), (Some(LATE), None));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_trouble_of_its_own_kind_only() {
        let health = Health::default();
        let failed = async || Err::<(), _>(outcome(false));
        assert!(health.watch(Access::Write, failed()).await.is_err());
        assert!(health.watch(Access::Read, async { Ok(()) }).await.is_ok());
        assert!(health.failing().is_some(), "a read from another region says nothing about writes");
        assert!(health.watch(Access::Write, async { Err::<(), _>(outcome(true)) }).await.is_err());
        assert!(health.trouble().is_none(), "a refusal is an answer");
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_is_forgotten_when_nothing_more_is_asked() {
        let health = Health::default();
        assert!(health.watch(Access::Read, async { Err::<(), _>(outcome(false)) }).await.is_err());
        tokio::time::advance(MEMORY).await;
        assert!(health.trouble().is_none());
    }
}
