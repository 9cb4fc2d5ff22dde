//! How long each stage of a request took, and when.

use super::Stage;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time that one request has spent in each stage so far. A stage that is abandoned, at the deadline for instance, counts until
/// then: the slowest calls would be missing otherwise.
#[derive(Debug, Default)]
pub struct StageTimes {
    /// In nanoseconds, in the order of [`Stage::ALL`]. Zero if the stage has not begun.
    spent: [AtomicU64; Stage::ALL.len()],
    /// `None` if only the time spent is of interest.
    intervals: Option<Intervals>,
}

/// When each stage began and ended, in nanoseconds since the request began. A stage that was repeated has one interval.
#[derive(Debug)]
struct Intervals {
    start: Instant,
    /// The highest number if the stage has not begun.
    began: [AtomicU64; Stage::ALL.len()],
    ended: [AtomicU64; Stage::ALL.len()],
}

impl Intervals {
    fn add(&self, stage: Stage, began: Instant, ended: Instant) {
        let since_start = |instant: Instant| nanoseconds(instant.saturating_duration_since(self.start));
        if let (Some(first), Some(last)) = (self.began.get(stage as usize), self.ended.get(stage as usize)) {
            first.fetch_min(since_start(began), Ordering::Relaxed);
            last.fetch_max(since_start(ended), Ordering::Relaxed);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl StageTimes {
    /// Also keeps when each stage began and ended, for a request that began at `start`.
    #[must_use]
    pub fn with_intervals(start: Instant) -> Self {
        let began = std::array::from_fn(|_| AtomicU64::new(u64::MAX));
        Self { intervals: Some(Intervals { start, began, ended: Default::default() }), ..Self::default() }
    }

    /// When a stage began and ended, as times since the request began; `None` if it has not, or if intervals are not kept.
    pub fn interval(&self, stage: Stage) -> Option<(Duration, Duration)> {
        let intervals = self.intervals.as_ref()?;
        let began = intervals.began.get(stage as usize)?.load(Ordering::Relaxed);
        let ended = intervals.ended.get(stage as usize)?.load(Ordering::Relaxed);
        (began != u64::MAX).then(|| (Duration::from_nanos(began), Duration::from_nanos(ended)))
    }

    /// Measures a stage until the result is dropped.
    #[must_use]
    pub fn start(&self, stage: Stage) -> StageTimer<'_> {
        self.start_excluding(stage, &[])
    }

    /// The same, without the time that is spent in `inner` stages meanwhile.
    #[must_use]
    pub fn start_excluding(&self, stage: Stage, inner: &'static [Stage]) -> StageTimer<'_> {
        StageTimer { times: self, stage, inner, spent_before: self.sum_of(inner), start: Instant::now() }
    }

    /// The time spent in a stage; `None` if it has not begun.
    pub fn of(&self, stage: Stage) -> Option<Duration> {
        let spent = self.spent_in(stage)?.load(Ordering::Relaxed);
        (spent > 0).then(|| Duration::from_nanos(spent))
    }

    fn spent_in(&self, stage: Stage) -> Option<&AtomicU64> {
        self.spent.get(stage as usize)
    }

    fn sum_of(&self, stages: &[Stage]) -> Duration {
        stages.iter().filter_map(|stage| self.of(*stage)).sum()
    }
}

/// Measures a stage until it is dropped.
#[derive(Debug)]
pub struct StageTimer<'a> {
    times: &'a StageTimes,
    stage: Stage,
    inner: &'static [Stage],
    spent_before: Duration,
    start: Instant,
}

impl Drop for StageTimer<'_> {
    fn drop(&mut self) {
        let in_inner = self.times.sum_of(self.inner).saturating_sub(self.spent_before);
        let end = Instant::now();
        let spent = end.saturating_duration_since(self.start).saturating_sub(in_inner);
        if let Some(total) = self.times.spent_in(self.stage) {
            total.fetch_add(nanoseconds(spent).max(1), Ordering::Relaxed);
        }
        if let Some(intervals) = &self.times.intervals {
            intervals.add(self.stage, self.start, end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    const PAUSE: Duration = Duration::from_millis(5);

    #[test]
    fn a_stage_counts_what_it_spends_outside_of_its_inner_stages() {
        let times = StageTimes::default();
        let mark = times.start_excluding(Stage::Mark, &[Stage::Vault]);
        let vault = times.start(Stage::Vault);
        sleep(10 * PAUSE);
        drop(vault);
        sleep(PAUSE);
        let total = mark.start.elapsed();
        drop(mark);
        let [mark, vault] = [Stage::Mark, Stage::Vault].map(|stage| times.of(stage).unwrap());
        assert!(vault >= 10 * PAUSE && mark >= PAUSE, "{mark:?} {vault:?}");
        assert!(mark <= total.saturating_sub(vault) + PAUSE, "{mark:?} of {total:?}, {vault:?} in the vault");
        assert_eq!(times.of(Stage::Head), None);

        drop(times.start(Stage::Vault));
        assert!(times.of(Stage::Vault).unwrap() >= vault, "a second call adds to the first");
        assert_eq!(times.interval(Stage::Vault), None, "not kept");
    }

    #[test]
    fn the_interval_of_a_repeated_stage_is_from_its_first_beginning_to_its_last_end() {
        let start = Instant::now();
        let times = StageTimes::with_intervals(start);
        let mark = times.start_excluding(Stage::Mark, &[Stage::Vault]);
        for _ in 0..2 {
            sleep(PAUSE);
            let vault = times.start(Stage::Vault);
            sleep(PAUSE);
            drop(vault);
        }
        drop(mark);
        let [mark, vault] = [Stage::Mark, Stage::Vault].map(|stage| times.interval(stage).unwrap());
        assert!(vault.0 >= PAUSE && vault.1 >= vault.0 + 3 * PAUSE, "{vault:?}");
        assert!(mark.0 <= vault.0 && mark.1 >= vault.1 && mark.1 <= start.elapsed(), "{mark:?} contains {vault:?}");
        assert_eq!(times.interval(Stage::Head), None, "it has not begun");
    }
}
