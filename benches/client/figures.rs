//! Latencies as they are printed.

use std::time::Duration;

pub(crate) fn sorted(mut took: Vec<Duration>) -> Vec<Duration> {
    took.sort();
    took
}

/// The milliseconds that this percentage of all is below.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    sorted[sorted.len() * percent / 100].as_secs_f64() * 1e3
}

pub(crate) fn row(name: &str, sorted: &[Duration]) {
    println!("{name:<34} {:>8.2} {:>8.2}", percentile(sorted, 50), percentile(sorted, 99));
}
