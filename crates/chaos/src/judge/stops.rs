//! Invariant 12: what leaves after a stop has a mark from before it, and only an operator lifts a stop.

use super::marks::Marks;
use super::request::Request;
use super::{Invariant, Slot, Violation, short};
use crate::history::{Does, End, History, MarkId, StopCommand, StopId, Stored};
use crate::payload::Position;
use crate::release::Release;
use std::time::Instant;

/// The highest position there is, where no release signs anything.
pub(super) const STOPPED_AT: Position = Position { level: i32::MAX.cast_unsigned(), round: i32::MAX.cast_unsigned() };

/// A stop that holds: from the end of the command, until one that lifts it begins.
pub(crate) struct Holding<'a> {
    pub(crate) stop: &'a StopCommand,
    pub(crate) until: Option<Instant>,
}

impl Holding<'_> {
    /// Whether it holds at this time.
    pub(crate) fn includes(&self, at: Instant) -> bool {
        self.stop.to < at && self.until.is_none_or(|until| at < until)
    }
}

/// The commands that have stopped a key.
pub(crate) fn complete(history: &History) -> impl Iterator<Item = &StopCommand> {
    history.commands.iter().filter(|command| command.does == Does::Stop && command.end == End::Done)
}

/// The stops that were complete before a command began that lifts them.
pub(crate) fn holding(history: &History) -> impl Iterator<Item = Holding<'_>> {
    complete(history).filter_map(|stop| {
        let lifts = |command: &&StopCommand| lifts(command, stop);
        let until = history.commands.iter().filter(lifts).map(|command| command.from).min();
        until.is_none_or(|until| stop.to < until).then_some(Holding { stop, until })
    })
}

/// Whether a command may have lifted the stop of another.
fn lifts(command: &StopCommand, stop: &StopCommand) -> bool {
    command.does == Does::Resume
        && command.key == stop.key
        && command.to > stop.from
        && command.stops.iter().any(|id| stop.stops.contains(id))
}

/// Whether an answer left while a stop held.
pub(crate) fn left_after(holding: &Holding<'_>, request: &Request<'_>) -> bool {
    let exchange = request.exchange;
    exchange.key == holding.stop.key && exchange.is_signed() && holding.includes(exchange.until)
}

pub(super) fn violations(history: &History, requests: &[Request<'_>], marks: &Marks<'_>) -> Vec<Violation> {
    let mut found = after_stops(history, requests, marks);
    found.extend(of_marks(history, marks));
    found.extend(of_stop_items(history));
    found
}

/// Signatures that left after a stop, and have no mark from before its end.
fn after_stops(history: &History, requests: &[Request<'_>], marks: &Marks<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for holding in holding(history) {
        for request in requests.iter().filter(|request| left_after(&holding, request)) {
            let Some(slot) = &request.slot else { continue };
            let from_before = |mark: &Stored| mark.digest == Some(request.digest) && mark.at <= holding.stop.to;
            if marks.at(slot).any(from_before) || is_unknown_to_first_release(history, request, marks, holding.stop) {
                continue;
            }
            let what = format!(
                "{} released {} after stop {}, and it has no mark from before the stop",
                history.name(request.exchange.place),
                short(&request.digest),
                holding.stop.stops.join(", "),
            );
            found.push(Violation { invariant: Invariant::StopsAreFinal, slot: Some(slot.clone()), what });
        }
    }
    found
}

/// The first release reads no stop item, so a mark that it creates after the stop is not covered.
fn is_unknown_to_first_release(
    history: &History,
    request: &Request<'_>,
    marks: &Marks<'_>,
    stop: &StopCommand,
) -> bool {
    let is_new = |id: &MarkId| marks.first(id).is_some_and(|first| first.at >= stop.from && !first.is_stopped());
    history.release(request.exchange) == Some(Release::Other)
        && request.slot.as_ref().is_some_and(|slot| is_new(&slot.id))
}

/// Stopped marks that a release without stops would sign above, signatures recorded in them, and stops that nobody has lifted.
fn of_marks(history: &History, marks: &Marks<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut violation = |stored: &Stored, what: String| {
        let slot = Some(Slot { id: stored.id.clone(), position: stored.position });
        found.push(Violation { invariant: Invariant::StopsAreFinal, slot, what });
    };
    for stored in &history.stored {
        if stored.is_stopped() && stored.shown != STOPPED_AT {
            violation(stored, format!("the mark is stopped, but at {}", stored.shown));
        }
    }
    for [before, after] in marks.changes() {
        let is_signed = after.position > before.position && after.digest.is_some();
        if before.is_stopped() && after.is_stopped() && is_signed && !is_raised(history, after) {
            violation(after, format!("signed at {}, although the mark was stopped", after.position));
        }
        for stop in before.stops.iter().filter(|stop| !after.stops.contains(stop)) {
            if !may_lift(history, &after.id.key, stop, after.at) {
                violation(after, format!("nobody has lifted stop {stop}, and the mark lost it"));
            }
        }
    }
    found
}

/// Whether an operator was raising the marks of the key: an import has the digests of another store.
fn is_raised(history: &History, stored: &Stored) -> bool {
    let mut commands = history.commands.iter();
    commands.any(|it| it.does == Does::Raise && it.key == stored.id.key && it.from <= stored.at && stored.at <= it.to)
}

fn of_stop_items(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for (number, after) in history.stop_items.iter().enumerate() {
        let Some(before) = history.stop_items.iter().take(number).rfind(|item| item.key == after.key) else { continue };
        for stop in before.stops.iter().filter(|stop| !after.stops.contains(stop)) {
            if !may_lift(history, &after.key, stop, after.at) {
                let what = format!("nobody has lifted stop {stop} of {}, and the key's stop item lost it", after.key);
                found.push(Violation { invariant: Invariant::StopsAreFinal, slot: None, what });
            }
        }
    }
    found
}

/// Whether a command had begun to lift a stop. One that was killed may still have a write on its way.
fn may_lift(history: &History, key: &str, stop: &StopId, at: Instant) -> bool {
    let mut commands = history.commands.iter();
    commands.any(|it| it.does == Does::Resume && &*it.key == key && it.from <= at && it.stops.contains(stop))
}

#[cfg(test)]
mod tests;
