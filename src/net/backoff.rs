//! Exponential backoff with jitter.

use std::time::Duration;

/// Intervals that double from `min` to `max`.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `min`.
    pub(crate) const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, next: min }
    }

    /// For attempts within one request, whose client waits for a few seconds at most.
    pub(crate) const fn within_a_request() -> Self {
        Self::new(Duration::from_millis(20), Duration::from_millis(400))
    }

    /// The next interval, without jitter.
    pub(crate) fn interval(&mut self) -> Duration {
        let interval = self.next;
        self.next = (interval * 2).min(self.max);
        interval
    }

    /// The pause before the next attempt: a random time between half of the next interval and all of it, so that processes
    /// that failed together do not retry together. A longer `retry_after` takes precedence: an earlier attempt would be
    /// rejected, and count against the quota.
    pub(crate) fn pause(&mut self, retry_after: Option<Duration>) -> Duration {
        let interval = self.interval();
        // No jitter if the system provides no random number.
        let random = getrandom::u32().unwrap_or(u32::MAX);
        let pause = interval.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX));
        pause.max(retry_after.unwrap_or_default())
    }

    /// Returns to the minimum interval, after a success.
    pub(crate) const fn reset(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn intervals_double_up_to_a_limit_until_a_success() {
        let mut backoff = Backoff::within_a_request();
        let intervals = std::array::from_fn(|_| backoff.interval());
        assert_eq!(intervals, [20, 40, 80, 160, 320, 400, 400].map(ms));
        backoff.reset();
        assert_eq!(backoff.interval(), ms(20));
    }

    #[test]
    fn pauses_vary_between_half_an_interval_and_all_of_it() {
        let first = || Backoff::new(ms(100), ms(1000)).pause(None);
        let pauses: BTreeSet<_> = std::iter::repeat_with(first).take(100).collect();
        assert!(pauses.len() > 90, "{pauses:?}");
        assert!(pauses.iter().all(|pause| (ms(50)..=ms(100)).contains(pause)), "{pauses:?}");
    }

    #[test]
    fn a_longer_retry_after_is_not_cut_short() {
        let mut backoff = Backoff::within_a_request();
        assert_eq!(backoff.pause(Some(ms(2000))), ms(2000));
        assert!(backoff.pause(Some(ms(1))) >= ms(20), "the doubled interval is longer");
    }
}
