//! Invariants 5 and 6, and the calm: requests that were not signed, and the reasons given.

use super::marks::Marks;
use super::request::Request;
use super::{Invariant, MARGIN, Slot, Violation, sealed};
use crate::history::{Answer, Exchange, History, Span};
use crate::release::{Release, Started};
use std::time::Duration;

pub(super) fn violations(history: &History, requests: &[Request<'_>], marks: &Marks<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for request in requests {
        let exchange = request.exchange;
        let name = history.name(exchange.place);
        let mut violation = |invariant, what: String| {
            found.push(Violation { invariant, slot: request.slot.clone(), what });
        };
        match &exchange.answer {
            Answer::NotSigned { status: 409, reason } => {
                if let Some((invariant, what)) = unjust(history, request, reason, marks) {
                    violation(invariant, format!("{name} refused ({reason}), but {what}"));
                }
            }
            Answer::NotSigned { status: 500, reason } if reason.trim().is_empty() => {
                violation(Invariant::FailClosedAndSayWhy, "failed without a reason".to_owned());
            }
            Answer::Signed(_) | Answer::NotSigned { status: 500, .. } => {}
            Answer::NotSigned { status: 403 | 404, .. } if sealed::is_expected(history, request) => {}
            // Bodies are sent at once, so this is right only if the signer was paused until the deadline had passed.
            Answer::NotSigned { status: 408, .. } if exchange.until - exchange.at >= history.deadline => {}
            Answer::NotSigned { status, reason } => {
                let what =
                    format!("{name} answered {status} ({reason}), expected 500 for failures and 408 for late bodies");
                violation(Invariant::FailClosedAndSayWhy, what);
            }
            Answer::Unreadable { status, body } => {
                let what = format!("{name} answered {status} with {body:?}, which octez cannot parse");
                violation(Invariant::FailClosedAndSayWhy, what);
            }
            Answer::None { why } => {
                if !was_down(history, exchange) {
                    let what = format!("{name} was not killed and gave no answer: {why}");
                    violation(Invariant::FailClosedAndSayWhy, what);
                }
            }
        }
        let waited = running_time(history, exchange);
        if !matches!(exchange.answer, Answer::None { .. }) && waited > history.deadline + MARGIN {
            let what = format!("{name} answered after {waited:?}; its deadline is {:?}", history.deadline);
            violation(Invariant::FailClosedAndSayWhy, what);
        }
        if is_without_marks(history, exchange) {
            if let Answer::Signed(_) = &exchange.answer {
                let what = format!("{name} signed although the container of its marks was replaced");
                violation(Invariant::LostMarksStopKeys, what);
            }
        } else if has_only_other_store(history, exchange) {
            if !matches!(exchange.answer, Answer::NotSigned { status: 500, .. }) {
                let what =
                    format!("{name} answered {:?} while only another mark store could be reached", exchange.answer);
                violation(Invariant::OneStore, what);
            }
        } else if is_in_calm(history, exchange) && !exchange.is_signed() && sealed::forbids(history, request).is_none()
        {
            let what = format!("{name} was undisturbed and answered {:?}", exchange.answer);
            violation(Invariant::CalmIsAnswered, what);
        }
    }
    for trouble in &history.troubles {
        let what = format!("{} {}", history.name(trouble.place), trouble.what);
        found.push(Violation { invariant: Invariant::CalmIsAnswered, slot: None, what });
    }
    if let Some(forwarded) = history.other_store.map(|other| other.forwarded).filter(|forwarded| *forwarded > 0) {
        let what = format!("{forwarded} requests for signatures were forwarded to a signer with another mark store");
        found.push(Violation { invariant: Invariant::OneStore, slot: None, what });
    }
    found
}

/// Why the marks at that time do not justify a refusal, if they do not.
fn unjust(history: &History, request: &Request<'_>, reason: &str, marks: &Marks<'_>) -> Option<(Invariant, String)> {
    let Some(slot) = &request.slot else {
        return Some((Invariant::FailClosedAndSayWhy, "it is neither a block nor a vote".to_owned()));
    };
    let exchange = request.exchange;
    if is_stopped(history, exchange, reason, slot, marks) {
        return None;
    }
    // A signer may refuse because of marks that it saw before they were lost.
    let seen = history.container_loss.filter(|loss| loss.at <= exchange.until && exchange.at < loss.recovered);
    let at_loss = seen.and_then(|loss| marks.when(&slot.id, loss.at));
    let now = marks.when(&slot.id, exchange.until);
    let Some(mark) = [now, at_loss].into_iter().flatten().max_by_key(|mark| mark.position) else {
        return Some((Invariant::FailClosedAndSayWhy, "there was no mark".to_owned()));
    };
    if mark.position < slot.position {
        return Some((Invariant::FailClosedAndSayWhy, format!("the mark was at {}", mark.position)));
    }
    let is_repeat = mark.position == slot.position && mark.digest == Some(request.digest);
    is_repeat.then(|| (Invariant::RepeatsAreWelcome, "the mark has the digest of this payload".to_owned()))
}

/// Whether a refusal is because of a stop that the key or the mark had at some time between request and answer, or during an
/// identical request in flight, whose answer it shares. The first release takes a stopped mark for a high one, and may refuse
/// from memory, since it does not know that a stop can be lifted.
fn is_stopped(history: &History, exchange: &Exchange, reason: &str, slot: &Slot, marks: &Marks<'_>) -> bool {
    let (from, to) = (exchange.at, exchange.until);
    if let Some(stop) = stop_in(reason) {
        let from = first_in_flight(history, exchange).map_or(from, |first| first.at.min(from));
        let of_key = history.stop_items.iter().filter(|item| item.key == exchange.key);
        let before = of_key.clone().rfind(|item| item.at <= from);
        let mut during = of_key.filter(|item| from < item.at && item.at <= to).chain(before);
        return during.any(|item| item.stops.iter().any(|id| &**id == stop))
            || marks.has_stop(&slot.id, stop, from, to);
    }
    match history.last_start(exchange) {
        Some(Started { release: Release::Other, at, .. }) => marks.was_stopped(&slot.id, *at, to),
        _ => false,
    }
}

/// The first request for the same bytes that this signer was already working on.
fn first_in_flight<'a>(history: &'a History, exchange: &Exchange) -> Option<&'a Exchange> {
    let is_in_flight = |other: &&Exchange| {
        let is_same = (other.place, &other.key, &other.payload) == (exchange.place, &exchange.key, &exchange.payload);
        is_same && other.at <= exchange.at && exchange.at <= other.until
    };
    history.exchanges.iter().filter(is_in_flight).min_by_key(|other| other.at)
}

/// The identifier of the stop that a refusal names.
fn stop_in(reason: &str) -> Option<&str> {
    Some(reason.split_once("(stop ")?.1.split_once(')')?.0)
}

/// Whether it was sent after the marks were lost, and before an operator raised them.
fn is_without_marks(history: &History, exchange: &Exchange) -> bool {
    history.container_loss.is_some_and(|loss| loss.at <= exchange.at && exchange.at < loss.raised)
}

/// Whether it was sent while the relays could reach only a signer with another mark store.
fn has_only_other_store(history: &History, exchange: &Exchange) -> bool {
    history.other_store.is_some_and(|other| other.from <= exchange.at && exchange.at < other.to)
}

/// Whether it was sent while nothing failed, and after all signers had recovered.
fn is_in_calm(history: &History, exchange: &Exchange) -> bool {
    if history.other_store.is_some_and(|other| other.from <= exchange.at && exchange.at < other.recovered) {
        return false;
    }
    let starts_again =
        history.container_loss.is_some_and(|loss| loss.at <= exchange.at && exchange.at < loss.recovered);
    exchange.at >= history.calm && !starts_again
}

fn of_place<'a>(spans: &'a [Span], exchange: &Exchange) -> impl Iterator<Item = &'a Span> {
    let place = exchange.place;
    spans.iter().filter(move |span| span.place == place)
}

fn was_down(history: &History, exchange: &Exchange) -> bool {
    of_place(&history.down, exchange).any(|span| span.touches(exchange.at, exchange.until))
}

/// The duration of a request, without the time for which the signer was paused.
fn running_time(history: &History, exchange: &Exchange) -> Duration {
    let all = exchange.until.saturating_duration_since(exchange.at);
    if all <= history.deadline {
        return all;
    }
    let paused: Duration =
        of_place(&history.paused, exchange).map(|span| span.within(exchange.at, exchange.until)).sum();
    all.saturating_sub(paused)
}
