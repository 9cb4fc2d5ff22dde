//! Judges a history by the invariants alone, without knowledge of bakers, faults, or the signers' implementation.
//!
//! The numbers are those of the signer's invariants: what is released is covered by a mark that was stored before (1), marks
//! only rise (2), one digest a slot (3), one signature a block (4), repeats are not refused (5), failures are reported in time
//! and refusals follow from the marks (6), signatures are valid (7), no secret is logged (9), nothing is signed between the loss
//! of all marks and their being raised by an operator (10), and what leaves after a stop has a mark from before it (12).

mod across;
mod answers;
mod marks;
mod releases;
mod request;
mod sealed;
mod secrets;
mod signatures;
pub(crate) mod stops;
#[cfg(test)]
pub(crate) mod tests;
mod witness;

use crate::history::{History, MarkId};
use crate::payload::Position;
use crate::release::Release;
pub(crate) use across::judge_across;
use marks::Marks;
pub(crate) use request::Request;
use std::fmt;
use std::time::{Duration, Instant};

/// A violated invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Invariant {
    OneTruth,
    MarksOnlyRise,
    OneDigestASlot,
    OneSignatureABlock,
    RepeatsAreWelcome,
    FailClosedAndSayWhy,
    SignaturesAreValid,
    SecretsStayOutOfSight,
    /// Invariant 10: a store that was replaced is not mistaken for a fresh start.
    LostMarksStopKeys,
    /// Invariant 12: what leaves after a stop has a mark from before it, and only an operator lifts a stop.
    StopsAreFinal,
    /// A sealed key is used for what it was sealed for: its role, its chain, and the store of its marks.
    SealedForAPurpose,
    /// The witness's: a key is stopped if the chain shows what was not signed here, and otherwise not.
    OnlySecondSignersStopKeys,
    /// The relay's: an answer based on another store never counts.
    OneStore,
    /// Not an invariant of the signer; without it, a signer that does nothing would pass.
    CalmIsAnswered,
}

impl fmt::Display for Invariant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OneTruth => "invariant 1, one truth",
            Self::MarksOnlyRise => "invariant 2, marks only rise",
            Self::OneDigestASlot => "invariant 3, one digest a slot",
            Self::OneSignatureABlock => "invariant 4, one signature a block",
            Self::RepeatsAreWelcome => "invariant 5, repeats are welcome",
            Self::FailClosedAndSayWhy => "invariant 6, fail closed and say why",
            Self::SignaturesAreValid => "invariant 7, the vault's answer is checked",
            Self::SecretsStayOutOfSight => "invariant 9, secrets stay out of sight",
            Self::LostMarksStopKeys => "invariant 10, a store that has lost its marks stops the keys",
            Self::StopsAreFinal => "invariant 12, a stop is final",
            Self::SealedForAPurpose => "a sealed key signs for its role, its chain and its mark store only",
            Self::OnlySecondSignersStopKeys => "the witness stops a key if a second signer uses it, and no other",
            Self::OneStore => "one store: relays use no signer with another mark store",
            Self::CalmIsAnswered => "every request in the calm is answered",
        })
    }
}

/// A position of a mark, where at most one payload may be signed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) id: MarkId,
    pub(crate) position: Position,
}

impl fmt::Display for Slot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MarkId { chain, key, kind } = &self.id;
        write!(formatter, "{kind} of {key} on chain {} at {}", hex::encode(chain), self.position)
    }
}

/// A violation of an invariant.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    /// The slot, if it is about one.
    pub(crate) slot: Option<Slot>,
    pub(crate) what: String,
}

/// How late an answer may be after its deadline, since the machine is overloaded.
pub(crate) const MARGIN: Duration = Duration::from_secs(4);

/// All violations, in the order of the invariants.
pub(crate) fn judge(history: &History) -> Vec<Violation> {
    let marks = Marks::new(history);
    let requests: Vec<Request<'_>> = history.exchanges.iter().map(Request::new).collect();
    let mut found = marks.violations(history);
    found.extend(releases::violations(history, &requests, &marks));
    found.extend(stops::violations(history, &requests, &marks));
    found.extend(answers::violations(history, &requests, &marks));
    found.extend(sealed::violations(history, &requests));
    found.extend(signatures::violations(history, &requests));
    found.extend(secrets::violations(history));
    found.extend(witness::violations(history));
    found.sort_by_key(|violation| violation.invariant);
    found
}

/// Everything that is known about a slot, in chronological order, one line each.
pub(crate) fn story(history: &History, slot: &Slot) -> Vec<String> {
    let since = |at: Instant| at.saturating_duration_since(history.start).as_secs_f64();
    let mut lines = Vec::new();
    for exchange in &history.exchanges {
        let request = Request::new(exchange);
        if request.slot.as_ref() == Some(slot) {
            let (from, to) = (since(exchange.at), since(exchange.until));
            let digest = short(&request.digest);
            lines.push((
                exchange.at,
                format!(
                    "{from:9.4} s  request for {digest} to {}{}; at {to:.4} s: {:?}",
                    history.name(exchange.place),
                    if history.release(exchange) == Some(Release::Other) { ", other release" } else { "" },
                    exchange.answer
                ),
            ));
        }
    }
    let versions: Vec<_> = history.stored.iter().filter(|stored| stored.id == slot.id).collect();
    let is_there = |index: usize| versions.get(index).is_some_and(|stored| stored.position == slot.position);
    for (index, stored) in versions.iter().enumerate() {
        // Versions at the slot, and their neighbours.
        if is_there(index) || is_there(index + 1) || index.checked_sub(1).is_some_and(is_there) {
            let digest = stored.digest.as_ref().map_or_else(|| "no digest".to_owned(), short);
            let how = match (stored.is_created, stored.is_stopped()) {
                (true, false) => "created",
                (true, true) => "created, and stopped",
                (false, false) => "replaced",
                (false, true) => "replaced, and stopped",
            };
            let signature = stored.signature.as_deref().unwrap_or("no signature");
            let line =
                format!("{:9.4} s  the mark is {how}: {}, {digest}, {signature}", since(stored.at), stored.position);
            lines.push((stored.at, line));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, line)| line).collect()
}

fn short(digest: &[u8; 32]) -> String {
    let mut text = hex::encode(digest);
    text.truncate(12);
    text
}
