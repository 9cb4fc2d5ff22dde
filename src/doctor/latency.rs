//! Measures the latency of a service.

use super::Finding;
use std::fmt;
use std::time::{Duration, Instant};

const CALLS: usize = 10;

/// Limit for all calls together.
const LATENCY_TIMEOUT: Duration = Duration::from_secs(5);

/// The block time is a few seconds, and a signature may need several calls.
const SLOW: Duration = Duration::from_millis(100);

/// Makes ten sequential calls, and reports how long they took.
pub(super) async fn measure<E: fmt::Display>(
    check: &'static str,
    advice: &str,
    call: impl AsyncFn() -> Result<(), E>,
) -> Finding {
    let start = Instant::now();
    let mut times = Vec::with_capacity(CALLS);
    let mut failed = None;
    while times.len() < CALLS {
        let begin = Instant::now();
        match tokio::time::timeout(LATENCY_TIMEOUT.saturating_sub(start.elapsed()), call()).await {
            Ok(Ok(())) => times.push(begin.elapsed()),
            Ok(Err(reason)) => {
                failed = Some(reason.to_string());
                break;
            }
            Err(_) => {
                failed = Some(format!("timed out after {} s", LATENCY_TIMEOUT.as_secs()));
                break;
            }
        }
    }
    summarize(check, advice, times, failed.as_deref())
}

fn summarize(check: &'static str, advice: &str, mut times: Vec<Duration>, failed: Option<&str>) -> Finding {
    times.sort();
    let middle = times.get(times.len().saturating_sub(1) / 2);
    let (Some(p50), Some(worst)) = (middle, times.last()) else {
        // Skipped, since an earlier check of the same call has reported the error.
        return Finding::skipped(check, format!("no call succeeded: {}", failed.unwrap_or_default()));
    };
    let numbers = format!("p50 {} ms, worst {} ms", in_ms(*p50), in_ms(*worst));
    match failed {
        Some(reason) => {
            Finding::warning(check, format!("{numbers}, of {} of {CALLS} calls: {reason}", times.len()), advice)
        }
        None if *p50 > SLOW => Finding::warning(check, format!("{numbers}, of {CALLS} calls"), advice),
        None => Finding::ok(check, format!("{numbers}, of {CALLS} calls")),
    }
}

fn in_ms(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    #[test]
    fn half_of_all_calls_take_at_most_p50() {
        let times: Vec<_> = [9, 1, 8, 2, 7, 3, 6, 4, 500, 5].map(Duration::from_millis).into();
        let finding = summarize("latency", "", times.clone(), None);
        assert_eq!(finding.text, "p50 5.0 ms, worst 500.0 ms, of 10 calls");
        assert_eq!(finding.outcome, Outcome::Ok);
        let slow = times.iter().map(|time| *time + SLOW).collect();
        assert_eq!(summarize("latency", "", slow, None).outcome, Outcome::Warning);
        let few = summarize("latency", "", times.into_iter().take(3).collect(), Some("503"));
        assert_eq!(
            (few.outcome, few.text.as_str()),
            (Outcome::Warning, "p50 8.0 ms, worst 9.0 ms, of 3 of 10 calls: 503")
        );
        assert_eq!(summarize("latency", "", Vec::new(), Some("503")).outcome, Outcome::Skipped);
    }
}
