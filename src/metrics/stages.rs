//! How long each stage of a request took.

use super::Stage;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time that one request has spent in each stage so far. A stage that is abandoned, at the deadline for instance, counts until
/// then: the slowest calls would be missing otherwise.
#[derive(Debug, Default)]
pub struct StageTimes {
    /// In nanoseconds, in the order of [`Stage::ALL`]. Zero if the stage has not begun.
    spent: [AtomicU64; Stage::ALL.len()],
}

impl StageTimes {
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
        let spent = self.start.elapsed().saturating_sub(in_inner);
        if let Some(total) = self.times.spent_in(self.stage) {
            total.fetch_add(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
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
    }
}
