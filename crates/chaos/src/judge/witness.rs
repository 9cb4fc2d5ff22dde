//! What the witness of the chain may do: nothing while the chain shows only what was signed here; stop the key if not.

use super::{Invariant, Violation};
use crate::history::{ForeignVote, History, Line};
use serde::Deserialize;

/// Events by which a signer raises an alarm about a key.
const ALARMS: [&str; 3] = ["foreign_signature", "key_active_elsewhere", "denounced"];

/// A line of a log.
#[derive(Deserialize)]
struct Logged {
    fields: Fields,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    event: String,
    #[serde(default)]
    key: String,
    level: Option<u32>,
}

pub(super) fn violations(history: &History) -> Vec<Violation> {
    let Some(watched) = &history.watched else { return Vec::new() };
    let foreign = watched.foreign.as_ref();
    let alarms = history.lines.iter().filter_map(|line| false_alarm(history, line, foreign));
    let stops = history.stop_items.iter().filter(|item| !item.stops.is_empty());
    let false_stops = stops.filter(|item| !foreign.is_some_and(|it| it.key == item.key && it.shown <= item.at));
    let false_stops =
        false_stops.map(|item| format!("{} was stopped, although nobody else had signed with it", item.key));
    let missing = foreign.into_iter().flat_map(|foreign| missing(history, foreign));
    let found = alarms.chain(false_stops).chain(missing);
    found.map(|what| Violation { invariant: Invariant::OnlySecondSignersStopKeys, slot: None, what }).collect()
}

/// What is wrong with an alarm, if it is one and not about the foreign vote.
fn false_alarm(history: &History, line: &Line, foreign: Option<&ForeignVote>) -> Option<String> {
    // Skip most lines without parsing them.
    if !ALARMS.iter().any(|alarm| line.text.contains(alarm)) {
        return None;
    }
    let Ok(Logged { fields: Fields { event, key, level } }) = serde_json::from_str(&line.text) else {
        return Some(format!(
            "a line of {} may be an alarm and cannot be read: {}",
            history.name(line.place),
            line.text
        ));
    };
    let is_about = |vote: &ForeignVote| event == ALARMS[0] && *vote.key == key && level == Some(vote.level);
    let is_alarm = ALARMS.contains(&event.as_str());
    (is_alarm && !foreign.is_some_and(is_about))
        .then(|| format!("{} raised a false alarm: {}", history.name(line.place), line.text))
}

/// The key must be stopped, and nothing be signed with it once there is another block.
fn missing(history: &History, foreign: &ForeignVote) -> Vec<String> {
    let ForeignVote { key, level, next_block, .. } = foreign;
    let is_stopped = history.stop_items.iter().any(|item| item.key == *key && !item.stops.is_empty());
    let late = history
        .exchanges
        .iter()
        .filter(|exchange| exchange.key == *key && exchange.at > *next_block && exchange.is_signed());
    let late = late.map(|exchange| {
        let at = exchange.at.saturating_duration_since(*next_block);
        format!("{} signed with {key} in a request {at:?} after the block", history.name(exchange.place))
    });
    let not_stopped =
        (!is_stopped).then(|| format!("a second signer has voted with {key} at level {level}, and it was not stopped"));
    not_stopped.into_iter().chain(late).collect()
}

#[cfg(test)]
mod tests;
