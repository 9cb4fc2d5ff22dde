//! Distributions of response times.

use crate::random;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Time from the arrival of a request to its response.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Delay {
    /// Constant.
    #[serde(rename = "fixed_ms", with = "crate::milliseconds")]
    Fixed(Duration),
    /// Uniform between two bounds.
    Uniform {
        /// Lower bound.
        #[serde(rename = "from_ms", with = "crate::milliseconds")]
        from: Duration,
        /// Upper bound.
        #[serde(rename = "to_ms", with = "crate::milliseconds")]
        to: Duration,
    },
    /// Log-normal, as on real networks: mostly near the median, rarely much longer.
    LogNormal {
        /// Half of all responses are faster.
        #[serde(rename = "median_ms", with = "crate::milliseconds")]
        median: Duration,
        /// 99 % of all responses are faster.
        #[serde(rename = "p99_ms", with = "crate::milliseconds")]
        p99: Duration,
    },
}

/// The 99th percentile of the standard normal distribution.
const P99: f64 = 2.326_347_874_040_841;

/// Upper bound of every sample.
const MAX_DELAY: Duration = Duration::from_hours(1);

impl Delay {
    /// No delay.
    pub const NONE: Self = Self::Fixed(Duration::ZERO);

    /// Log-normal, with this standard deviation of the logarithm.
    pub fn log_normal(median: Duration, deviation: f64) -> Self {
        Self::LogNormal { median, p99: median.mul_f64((P99 * deviation).exp()) }
    }

    /// Draws a delay.
    pub fn sample(self) -> Duration {
        match self {
            Self::Fixed(delay) => delay,
            Self::Uniform { from, to } => from + to.saturating_sub(from).mul_f64(random::fraction()),
            Self::LogNormal { median, p99 } if median.is_zero() || p99 <= median => median,
            Self::LogNormal { median, p99 } => {
                let deviation = p99.div_duration_f64(median).ln() / P99;
                let seconds = median.as_secs_f64() * (deviation * random::normal()).exp();
                Duration::try_from_secs_f64(seconds).unwrap_or(MAX_DELAY)
            }
        }
        .min(MAX_DELAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_normal_has_the_given_median_and_p99() {
        let (median, p99) = (Duration::from_millis(5), Duration::from_millis(50));
        let mut samples: Vec<_> = (0..10_000).map(|_| Delay::LogNormal { median, p99 }.sample()).collect();
        samples.sort();
        let near = |sample: Duration, wanted: Duration| (0.8..1.25).contains(&sample.div_duration_f64(wanted));
        assert!(near(samples[5_000], median), "{:?}", samples[5_000]);
        assert!(near(samples[9_900], p99), "{:?}", samples[9_900]);
    }

    #[test]
    fn log_normal_has_the_given_deviation() {
        let Delay::LogNormal { p99, .. } = Delay::log_normal(Duration::from_millis(900), 0.3) else { panic!() };
        assert!((1_808..1_809).contains(&p99.as_millis()), "{p99:?}");
    }

    #[test]
    fn uniform_samples_are_within_the_bounds() {
        let (from, to) = (Duration::from_millis(2), Duration::from_millis(3));
        for _ in 0..1000 {
            assert!((from..=to).contains(&Delay::Uniform { from, to }.sample()));
        }
    }

    #[test]
    fn json_is_in_milliseconds() {
        let parse = |text| serde_json::from_str::<Delay>(text);
        assert_eq!(parse(r#"{"fixed_ms":0.5}"#).unwrap(), Delay::Fixed(Duration::from_micros(500)));
        let (median, p99) = (Duration::from_millis(2), Duration::from_millis(30));
        assert_eq!(parse(r#"{"log_normal":{"median_ms":2,"p99_ms":30}}"#).unwrap(), Delay::LogNormal { median, p99 });
        assert!(parse(r#"{"fixed_ms":-1}"#).is_err());
    }
}
