//! Figures as they are printed.

use std::time::Duration;

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub(crate) fn count(number: impl TryInto<u32, Error: std::fmt::Debug>) -> f64 {
    f64::from(number.try_into().unwrap())
}

/// The value that this percentage of all is below.
pub(crate) fn percentile(took: &[Duration], percent: usize) -> Duration {
    let mut took = took.to_vec();
    took.sort();
    took[took.len() * percent / 100]
}
