//! Retries until a deadline: failed calls are repeated, late calls are hedged, and the first success wins.
//!
//! A baker never repeats a request, so a request fails at its deadline, not at its first error. A late call may still
//! succeed: cancelling it would waste the time already spent, and a service that needs a second per call would never answer.
//! But its connection may also be dead, so another call runs in parallel.

use crate::net::CallCounts;
use crate::net::backoff::Backoff;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Maximum number of parallel calls for one result, to one service.
const MAX_IN_FLIGHT: usize = 3;

/// When a call counts as late, so that another one starts in parallel.
pub(crate) const LATE_AFTER: Duration = Duration::from_millis(800);

/// Time reserved for a last call before the deadline, if the service requests a longer pause.
const LAST_CALL: Duration = Duration::from_millis(500);

/// The pause before a denied call is repeated, once: new roles and keys take a moment to propagate.
const AFTER_DENIAL: Duration = Duration::from_millis(250);

/// Whether to repeat a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// Until the deadline, after a pause, which is at least the given one (`Retry-After`).
    Yes(Option<Duration>),
    /// Once: the error should be permanent, but new roles and keys take time to propagate.
    Once,
    /// Never: another call would fail in the same way, or is not allowed.
    No,
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GaveUp<E> {
    /// A permanent error.
    Final(E),
    /// The deadline has passed. Holds the error of the last failed call; `None` if no call was answered.
    Deadline(Option<E>),
}

/// Calls until a call succeeds, an error is permanent, or the deadline passes. At most three calls are in flight.
///
/// A call that takes longer than `late_after` continues, and another one starts in parallel. Calls in flight are dropped on
/// return, so a call must be safe to abandon and to repeat. Further calls are added to `counts`.
pub(crate) async fn persist<T, E, C>(
    deadline: Instant,
    late_after: Duration,
    counts: Option<&CallCounts>,
    call: impl FnMut() -> C,
    again: impl Fn(&E) -> Again,
) -> Result<T, GaveUp<E>>
where
    C: Future<Output = Result<T, E>>,
{
    persist_among(1, deadline, late_after, counts, call, again).await
}

/// The same, if each call may be to another one of this many services: one call to each may be in flight.
pub(crate) async fn persist_among<T, E, C>(
    services: usize,
    deadline: Instant,
    late_after: Duration,
    counts: Option<&CallCounts>,
    mut call: impl FnMut() -> C,
    again: impl Fn(&E) -> Again,
) -> Result<T, GaveUp<E>>
where
    C: Future<Output = Result<T, E>>,
{
    let max_in_flight = services.max(MAX_IN_FLIGHT);
    let mut backoff = Backoff::within_a_request();
    // Not through the timer below, which may take up to a millisecond.
    let mut calls = FuturesUnordered::from_iter([call()]);
    let mut next_call = Instant::now() + late_after;
    let mut last_error = None;
    let mut was_denied = false;
    loop {
        let is_full = calls.len() >= max_in_flight;
        tokio::select! {
            biased;
            Some(result) = calls.next() => {
                let error = match result {
                    Ok(result) => return Ok(result),
                    Err(error) => error,
                };
                let pause = match again(&error) {
                    Again::Yes(retry_after) => backoff.pause(retry_after),
                    Again::Once if !was_denied => {
                        was_denied = true;
                        AFTER_DENIAL
                    }
                    Again::Once | Again::No => return Err(GaveUp::Final(error)),
                };
                last_error = Some(error);
                let now = Instant::now();
                let last_call = deadline.checked_sub(LAST_CALL).unwrap_or(now);
            // If even the last call has failed, another one follows after the pause, time permitting.
                next_call = if now < last_call { (now + pause).min(last_call) } else { now + pause };
            }
            () = sleep_until(deadline) => return Err(GaveUp::Deadline(last_error)),
            () = sleep_until(next_call), if !is_full => {
                match counts {
                    Some(counts) if calls.is_empty() => counts.retried(),
                    Some(counts) => counts.hedged(),
                    None => {}
                }
                calls.push(call());
                next_call = Instant::now() + late_after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    const SECOND: Duration = Duration::from_secs(1);
    const DEADLINE: Duration = Duration::from_secs(4);

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// The duration and result of one call.
    type Call = (Duration, Result<(), Again>);

    /// Plays the calls in order, then repeats the last one. Returns the result, the time taken, and the start of each call.
    async fn play(script: &[Call]) -> (Result<usize, GaveUp<Again>>, Duration, Vec<Duration>) {
        let start = Instant::now();
        let (calls, starts, counts) = (Cell::new(0), RefCell::new(Vec::new()), CallCounts::default());
        let call = || {
            let number = calls.replace(calls.get() + 1);
            starts.borrow_mut().push(start.elapsed());
            let (takes, result) = script.get(number).or(script.last()).copied().unwrap();
            async move {
                tokio::time::sleep(takes).await;
                result.map(|()| number)
            }
        };
        let result = persist(start + DEADLINE, LATE_AFTER, Some(&counts), call, |error: &Again| *error).await;
        (result, start.elapsed(), starts.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn a_consistently_slow_service_succeeds() {
        for takes in [ms(1), ms(850), ms(1100), ms(2000), ms(3500), ms(3990)] {
            let (result, took, starts) = play(&[(takes, Ok(()))]).await;
            assert_eq!(result, Ok(0), "{takes:?}");
            assert!(took <= takes + ms(2), "{took:?}");
            assert!(starts.len() <= MAX_IN_FLIGHT, "{starts:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_costs_less_than_a_second() {
        let (result, took, _) = play(&[(DEADLINE, Ok(())), (ms(20), Ok(()))]).await;
        assert_eq!((result, took < SECOND), (Ok(1), true), "{took:?}");
        let (result, took, _) = play(&[(DEADLINE, Ok(())), (DEADLINE, Ok(())), (ms(20), Ok(()))]).await;
        assert_eq!((result, took < 2 * SECOND), (Ok(2), true), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_three_calls_are_in_flight() {
        let (result, took, starts) = play(&[(2 * DEADLINE, Ok(()))]).await;
        assert_eq!(result, Err(GaveUp::Deadline(None)));
        assert_eq!((took.as_millis() / 10, starts.len()), (400, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn among_several_services_one_call_to_each_is_in_flight() {
        let (start, calls) = (Instant::now(), Cell::new(0));
        let call = || {
            let number = calls.replace(calls.get() + 1);
            let takes = if number < 4 { 2 * DEADLINE } else { ms(20) };
            async move {
                tokio::time::sleep(takes).await;
                Ok::<_, Again>(number)
            }
        };
        let result = persist_among(5, start + DEADLINE, ms(500), None, call, |error| *error).await;
        assert_eq!((result, start.elapsed().as_millis() / 10), (Ok(4), 202));
    }

    #[tokio::test(start_paused = true)]
    async fn transient_errors_are_retried_until_the_deadline() {
        let error = Again::Yes(None);
        let (result, took, _) = play(&[(ms(5), Err(error)), (ms(5), Err(error)), (ms(5), Ok(()))]).await;
        assert_eq!(result, Ok(2));
        assert!(took < ms(100), "{took:?}");
        let (result, took, starts) = play(&[(ms(5), Err(error))]).await;
        assert_eq!(result, Err(GaveUp::Deadline(Some(error))));
        assert!(took >= DEADLINE && starts.last().unwrap() > &ms(3500), "{took:?} {starts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_retry_after_leaves_a_last_call_before_the_deadline() {
        let busy = Err(Again::Yes(Some(30 * SECOND)));
        let (result, _, starts) = play(&[(ms(5), busy), (ms(5), Ok(()))]).await;
        assert_eq!(result, Ok(1));
        assert_eq!((*starts.get(1).unwrap() + LAST_CALL).as_millis() / 10, DEADLINE.as_millis() / 10);
        let short = Err(Again::Yes(Some(SECOND)));
        let (result, took, _) = play(&[(ms(5), short), (ms(5), Ok(()))]).await;
        assert_eq!((result, took >= SECOND), (Ok(1), true), "a pause that fits is observed");
    }

    #[tokio::test(start_paused = true)]
    async fn denied_calls_are_retried_once_and_permanent_errors_never() {
        let (result, _, _) = play(&[(ms(5), Err(Again::Once)), (ms(5), Ok(()))]).await;
        assert_eq!(result, Ok(1));
        let (result, took, _) = play(&[(ms(5), Err(Again::Once))]).await;
        assert_eq!(result, Err(GaveUp::Final(Again::Once)));
        assert!(took < SECOND, "{took:?}");
        let (result, _, starts) = play(&[(ms(5), Err(Again::No))]).await;
        assert_eq!((result, starts.len()), (Err(GaveUp::Final(Again::No)), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_call_continues_while_parallel_calls_fail() {
        let error = Err(Again::Yes(None));
        let (result, took, _) = play(&[(ms(1500), Ok(())), (ms(5), error)]).await;
        assert_eq!(result, Ok(0));
        assert!(took <= ms(1502), "{took:?}");
    }
}
