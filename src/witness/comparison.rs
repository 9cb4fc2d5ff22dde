//! Compares a sighting with the marks. Pure.
//!
//! The position of a mark does not show what was signed: it has moved on when the chain shows a vote. So each mark keeps its last
//! signatures, and a boundary below which nothing is known ([`SignedWindow`](crate::marks::SignedWindow)).
//!
//! A legitimate history may show, in any order: votes of an earlier round after later ones were signed, votes on both branches of a
//! reorganisation, votes that another instance has signed, and what was signed before this store was used. The marks must have
//! been read after the block that shows the sighting: then they contain everything that was released until the block was made.

use super::response::Finding;
use super::sighting::Sighting;
use crate::marks::{Lookup, Mark, ShortDigest};
use crate::tezos::payload::{Kind, Position};

/// The marks of one key on one chain, read after the block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyMarks {
    block: Option<Mark>,
    preattestation: Option<Mark>,
    attestation: Option<Mark>,
}

impl KeyMarks {
    /// With the mark of a kind; `None` if there is none.
    #[must_use]
    pub fn with(mut self, kind: Kind, mark: Option<Mark>) -> Self {
        *match kind {
            Kind::Block => &mut self.block,
            Kind::Preattestation => &mut self.preattestation,
            Kind::Attestation => &mut self.attestation,
        } = mark;
        self
    }

    /// The mark of a kind.
    pub const fn of(&self, kind: Kind) -> Option<&Mark> {
        match kind {
            Kind::Block => self.block.as_ref(),
            Kind::Preattestation => self.preattestation.as_ref(),
            Kind::Attestation => self.attestation.as_ref(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Mark> {
        [&self.block, &self.preattestation, &self.attestation].into_iter().flatten()
    }
}

/// Whether the mark of a sighting's kind is enough to compare it with: the store has signed for it. Otherwise the marks of the
/// other kinds are needed, too.
pub(super) fn suffices(mark: Option<&Mark>) -> bool {
    mark.is_some_and(Mark::has_signed)
}

/// What a sighting is, compared with the marks of its key on its chain.
pub fn compare(sighting: &Sighting, marks: &KeyMarks) -> Finding {
    let own = marks.of(sighting.id.kind);
    if own.is_some_and(|mark| has_signed_exactly(mark, sighting)) {
        return Finding::Ours;
    }
    if !marks.all().any(Mark::has_signed) {
        return if is_covered(sighting, marks) { Finding::Unknown } else { Finding::NotYetSignedHere };
    }
    let Some(trail) = own.and_then(|mark| mark.trail.as_ref()) else {
        return match own {
            // Written by an earlier release: nothing is known at and below its position.
            Some(mark) if sighting.position <= mark.true_position() => Finding::Unknown,
            _ if is_before_first_signature(sighting, marks) => Finding::Unknown,
            _ => Finding::Foreign,
        };
    };
    match trail.window.lookup(sighting.position, ShortDigest::of(&sighting.digest)) {
        Lookup::Signed if is_other_block(sighting, own) => Finding::Foreign,
        Lookup::Signed => Finding::Ours,
        Lookup::NeverSigned if is_before_first_signature(sighting, marks) => Finding::Unknown,
        Lookup::SignedDifferently | Lookup::NeverSigned => Finding::Foreign,
        Lookup::Unknown => Finding::Unknown,
    }
}

/// Whether the mark holds exactly what was seen, no matter what else is known.
fn has_signed_exactly(mark: &Mark, sighting: &Sighting) -> bool {
    mark.true_position() == sighting.position
        && mark.true_digest() == Some(sighting.digest)
        && !is_other_block(sighting, Some(mark))
}

/// Whether this is a second block with the header of the one in the mark, but with another signature.
fn is_other_block(sighting: &Sighting, mark: Option<&Mark>) -> bool {
    let Some(mark) = mark.filter(|mark| mark.true_position() == sighting.position) else { return false };
    matches!((sighting.signature, mark.true_signature()), (Some(seen), Some(stored)) if seen != stored)
}

/// Whether the marks, which were only raised so far, are as high above the sighting as a raise because of it would bring them: it
/// was known when they were raised.
fn is_covered(sighting: &Sighting, marks: &KeyMarks) -> bool {
    let silent_until = sighting.position.level.get().saturating_add(super::SILENT_LEVELS);
    Kind::ALL
        .into_iter()
        .all(|kind| marks.of(kind).is_some_and(|mark| mark.true_position().level.get() >= silent_until))
}

/// Whether the sighting is from before this store signed anything with the key on the chain, as far as the marks of the other kinds
/// show: another signer used the key until then. Where the sighting's kind has a signature, its own window knows.
fn is_before_first_signature(sighting: &Sighting, marks: &KeyMarks) -> bool {
    if suffices(marks.of(sighting.id.kind)) {
        return false;
    }
    let first = marks.all().filter(|mark| mark.has_signed()).filter_map(start).min();
    first.is_some_and(|first| sighting.position.level <= first.level)
}

/// Where the knowledge of a mark starts: at its boundary, or at its first signature.
fn start(mark: &Mark) -> Option<Position> {
    let Some(trail) = &mark.trail else { return Some(mark.true_position()) };
    trail.window.boundary().or_else(|| trail.window.signatures().first().map(|(position, _)| *position))
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
