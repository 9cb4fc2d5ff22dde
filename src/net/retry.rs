//! Trying until a deadline: late calls are kept, failed ones repeated, and the first good result wins.
//!
//! A baker never repeats a request, so a request ends with its deadline and not with its first error. A call that takes
//! longer than usual may still succeed: cancelling it would lose the time that it has taken, and a service that needs a
//! second for each call would never answer. But it may also be on a connection that is dead, so another call starts beside it.

use crate::net::backoff::Backoff;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How many calls for one result may be in flight.
const MAX_IN_FLIGHT: usize = 3;

/// After how long a call is late, so that another one starts beside it.
pub(crate) const LATE_AFTER: Duration = Duration::from_millis(800);

/// Time kept for a last call before the deadline, where the service asks for a pause that ends after it.
const LAST_CALL: Duration = Duration::from_millis(500);

/// The pause before the one repetition of a call that was denied: a role or a key that was just created takes a moment.
const AFTER_DENIAL: Duration = Duration::from_millis(250);

/// Whether a failed call is worth another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// After a pause, or the longer one that the service asks for.
    Yes(Option<Duration>),
    /// Once. What the service says is meant to be final, but is not always: roles and keys take time to arrive everywhere.
    Once,
    /// No: another call has the same result, or must not be made.
    No,
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GaveUp<E> {
    /// A call failed for good.
    Final(E),
    /// The deadline came. The error is that of the last call that failed, if any did: others were not answered.
    Deadline(Option<E>),
}

/// Makes calls until one succeeds, one fails for good, or the deadline comes. At most three are in flight.
///
/// A call that has not ended after `late_after` is kept, and the next one starts beside it. Calls in flight are dropped when
/// this returns, so each must be harmless to abandon and to repeat.
pub(crate) async fn persist<T, E, C>(
    deadline: Instant,
    late_after: Duration,
    mut call: impl FnMut() -> C,
    again: impl Fn(&E) -> Again,
) -> Result<T, GaveUp<E>>
where
    C: Future<Output = Result<T, E>>,
{
    let mut backoff = Backoff::within_a_request();
    // At once: a timer would take up to a millisecond.
    let mut calls = FuturesUnordered::from_iter([call()]);
    let mut next_call = Instant::now() + late_after;
    let mut last_error = None;
    let mut was_denied = false;
    loop {
        let is_full = calls.len() >= MAX_IN_FLIGHT;
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
                // A last call that has already been made is repeated after the pause, if there is time.
                next_call = if now < last_call { (now + pause).min(last_call) } else { now + pause };
            }
            () = sleep_until(deadline) => return Err(GaveUp::Deadline(last_error)),
            () = sleep_until(next_call), if !is_full => {
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

    /// What one call does: how long it takes, and how it ends.
    type Does = (Duration, Result<(), Again>);

    /// Makes calls that do one after the other what the list says, the last one for ever. Returns the result, the time it
    /// took, and when each call started.
    async fn play(script: &[Does]) -> (Result<usize, GaveUp<Again>>, Duration, Vec<Duration>) {
        let start = Instant::now();
        let (made, starts) = (Cell::new(0), RefCell::new(Vec::new()));
        let call = || {
            let number = made.replace(made.get() + 1);
            starts.borrow_mut().push(start.elapsed());
            let (takes, ends) = script.get(number).or(script.last()).copied().unwrap();
            async move {
                tokio::time::sleep(takes).await;
                ends.map(|()| number)
            }
        };
        let result = persist(start + DEADLINE, LATE_AFTER, call, |error: &Again| *error).await;
        (result, start.elapsed(), starts.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_slow_all_the_time_answers_in_its_time() {
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
    async fn errors_that_may_pass_are_outlasted_until_the_deadline() {
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
        assert_eq!((result, took >= SECOND), (Ok(1), true), "a pause that fits is kept");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_denied_is_tried_once_more_and_what_is_final_is_not() {
        let (result, _, _) = play(&[(ms(5), Err(Again::Once)), (ms(5), Ok(()))]).await;
        assert_eq!(result, Ok(1));
        let (result, took, _) = play(&[(ms(5), Err(Again::Once))]).await;
        assert_eq!(result, Err(GaveUp::Final(Again::Once)));
        assert!(took < SECOND, "{took:?}");
        let (result, _, starts) = play(&[(ms(5), Err(Again::No))]).await;
        assert_eq!((result, starts.len()), (Err(GaveUp::Final(Again::No)), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_call_is_kept_while_others_fail_beside_it() {
        let error = Err(Again::Yes(None));
        let (result, took, _) = play(&[(ms(1500), Ok(())), (ms(5), error)]).await;
        assert_eq!(result, Ok(0));
        assert!(took <= ms(1502), "{took:?}");
    }
}
