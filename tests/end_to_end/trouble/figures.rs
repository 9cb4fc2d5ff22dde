//! Summarizes and prints measurements.

use std::time::Duration;

/// Sorted durations.
#[derive(Debug, Clone)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// The median of at least one measurement.
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort();
        Self(times)
    }

    pub(crate) fn median(&self) -> Duration {
        self.at(500)
    }

    pub(crate) fn longest(&self) -> Duration {
        self.at(1_000)
    }

    /// The value that this many of 1,000 do not exceed.
    pub(crate) fn at(&self, per_mille: usize) -> Duration {
        self.0[(self.0.len() * per_mille / 1_000).min(self.0.len() - 1)]
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(
            f,
            "p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms (of {})",
            ms(self.median()),
            ms(self.at(990)),
            ms(self.longest()),
            self.0.len()
        )
    }
}
