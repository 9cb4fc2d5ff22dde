//! Invariants 5 and 6, and the calm: requests that were not signed, and the reasons given.

use super::marks::Marks;
use super::request::Request;
use super::{Invariant, MARGIN, Violation};
use crate::history::{Answer, Exchange, History, Span};
use std::time::Duration;

pub(super) fn violations(history: &History, requests: &[Request<'_>], marks: &Marks<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for request in requests {
        let asked = request.asked;
        let mut violation = |invariant, what: String| {
            found.push(Violation { invariant, slot: request.slot.clone(), what });
        };
        match &asked.answer {
            Answer::NotSigned { status: 409, reason } => {
                if let Some((invariant, what)) = unjust(history, request, marks) {
                    violation(invariant, format!("signer {} refused ({reason}), but {what}", asked.place));
                }
            }
            Answer::NotSigned { status: 500, reason } if reason.trim().is_empty() => {
                violation(Invariant::FailClosedAndSayWhy, "failed without a reason".to_owned());
            }
            Answer::Signed(_) | Answer::NotSigned { status: 500, .. } => {}
            // Bodies are sent at once, so this is right only if the signer was paused until the deadline had passed.
            Answer::NotSigned { status: 408, .. } if asked.until - asked.at >= history.deadline => {}
            Answer::NotSigned { status, reason } => {
                let what = format!(
                    "signer {} answered {status} ({reason}), expected 500 for failures and 408 for late bodies",
                    asked.place
                );
                violation(Invariant::FailClosedAndSayWhy, what);
            }
            Answer::Unreadable { status, body } => {
                let what = format!("signer {} answered {status} with {body:?}, which octez cannot parse", asked.place);
                violation(Invariant::FailClosedAndSayWhy, what);
            }
            Answer::None { why } => {
                if !was_down(history, asked) {
                    let what = format!("signer {} was not killed and gave no answer: {why}", asked.place);
                    violation(Invariant::FailClosedAndSayWhy, what);
                }
            }
        }
        let waited = running_time(history, asked);
        if !matches!(asked.answer, Answer::None { .. }) && waited > history.deadline + MARGIN {
            let what =
                format!("signer {} answered after {waited:?}; its deadline is {:?}", asked.place, history.deadline);
            violation(Invariant::FailClosedAndSayWhy, what);
        }
        if is_without_marks(history, asked) {
            if let Answer::Signed(_) = &asked.answer {
                let what = format!("signer {} signed although the container of its marks was replaced", asked.place);
                violation(Invariant::LostMarksStopKeys, what);
            }
        } else if is_in_calm(history, asked) && !matches!(asked.answer, Answer::Signed(_)) {
            let what = format!("signer {} was undisturbed and answered {:?}", asked.place, asked.answer);
            violation(Invariant::CalmIsAnswered, what);
        }
    }
    for trouble in &history.troubles {
        let what = format!("signer {} {}", trouble.place, trouble.what);
        found.push(Violation { invariant: Invariant::CalmIsAnswered, slot: None, what });
    }
    found
}

/// Why the marks at that time do not justify a refusal, if they do not.
fn unjust(history: &History, request: &Request<'_>, marks: &Marks<'_>) -> Option<(Invariant, String)> {
    let Some(slot) = &request.slot else {
        return Some((Invariant::FailClosedAndSayWhy, "it is neither a block nor a vote".to_owned()));
    };
    // A signer may refuse because of marks that it saw before they were lost.
    let seen = history.container_loss.filter(|_| is_without_marks(history, request.asked)).map(|loss| loss.at);
    let Some(mark) = marks.when(&slot.id, seen.unwrap_or(request.asked.until)) else {
        return Some((Invariant::FailClosedAndSayWhy, "there was no mark".to_owned()));
    };
    if mark.position < slot.position {
        return Some((Invariant::FailClosedAndSayWhy, format!("the mark was at {}", mark.position)));
    }
    let is_repeat = mark.position == slot.position && mark.digest == Some(request.digest);
    is_repeat.then(|| (Invariant::RepeatsAreWelcome, "the mark has the digest of this payload".to_owned()))
}

/// Whether it was sent after the marks were lost, and before an operator raised them.
fn is_without_marks(history: &History, asked: &Exchange) -> bool {
    history.container_loss.is_some_and(|loss| loss.at <= asked.at && asked.at < loss.raised)
}

/// Whether it was sent while nothing failed, and after all signers had recovered.
fn is_in_calm(history: &History, asked: &Exchange) -> bool {
    let starts_again = history.container_loss.is_some_and(|loss| loss.at <= asked.at && asked.at < loss.recovered);
    asked.at >= history.calm && !starts_again
}

fn of_place<'a>(spans: &'a [Span], asked: &Exchange) -> impl Iterator<Item = &'a Span> {
    let place = asked.place;
    spans.iter().filter(move |span| span.place == place)
}

fn was_down(history: &History, asked: &Exchange) -> bool {
    of_place(&history.down, asked).any(|span| span.touches(asked.at, asked.until))
}

/// The duration of a request, without the time for which the signer was paused.
fn running_time(history: &History, asked: &Exchange) -> Duration {
    let all = asked.until.saturating_duration_since(asked.at);
    if all <= history.deadline {
        return all;
    }
    let paused: Duration = of_place(&history.paused, asked).map(|span| span.within(asked.at, asked.until)).sum();
    all.saturating_sub(paused)
}
