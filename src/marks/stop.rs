//! A stop of a key, and the field of a mark that keeps it. Pure.

use super::{AttemptId, Mark, Written};
use crate::tezos::payload::{Kind, NonNegative, Position};
use crate::tezos::{ChainId, Digest, Signature};
use std::fmt;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Identifies a stop: a random 128-bit number, displayed as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StopId(u128);

impl StopId {
    /// Generates one with the operating system's random number generator.
    ///
    /// # Errors
    /// If that fails.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }

    /// The identifier of a stop because of this evidence: the same for every instance that sees it.
    pub fn of_evidence(evidence: &Digest) -> Self {
        let (first, _) = evidence.as_bytes().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        Self(u128::from_be_bytes(*first))
    }
}

impl fmt::Display for StopId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl std::str::FromStr for StopId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

/// Something on the chain that was signed with the key, and not by this store's signers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeenOnChain {
    /// Identifies what was signed, no matter where or how often it appears. Evidence that an operator has acknowledged never
    /// stops the key again.
    pub id: Digest,
    /// The chain.
    pub chain: ChainId,
    /// What was signed.
    pub kind: Kind,
    /// For which level and round.
    pub position: Position,
    /// The hash of the operation or block that shows it, as the node writes it.
    pub source: String,
}

/// One stop of a key. Only its constructors create one, so that a reason is never longer than it may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stop {
    /// Its identifier: the same in the key's stop item and in each mark.
    pub id: StopId,
    /// The only chain that it covers; `None` for all chains.
    pub chain: Option<ChainId>,
    reason: String,
    /// What the chain shows, if that is the reason.
    pub evidence: Option<SeenOnChain>,
    /// Who: an operator, or the instance whose witness it was.
    pub by: String,
    /// When, by the clock of the stopping process.
    pub at: OffsetDateTime,
}

impl Stop {
    /// The longest reason, in characters.
    pub const MAX_REASON_LENGTH: usize = 400;

    /// A new stop, of all chains unless `chain` names one. A longer reason is cut off.
    ///
    /// # Errors
    /// If the operating system has no random number for its identifier.
    pub fn new(
        reason: &str,
        by: impl Into<String>,
        at: OffsetDateTime,
        chain: Option<ChainId>,
        evidence: Option<SeenOnChain>,
    ) -> Result<Self, getrandom::Error> {
        Ok(Self::with_id(StopId::random()?, reason, by, at, chain, evidence))
    }

    /// The stop because of this evidence, of its chain. All instances that see the same evidence write the same stop. A longer
    /// reason is cut off.
    pub fn of_evidence(evidence: SeenOnChain, reason: &str, by: impl Into<String>, at: OffsetDateTime) -> Self {
        let (id, chain) = (StopId::of_evidence(&evidence.id), evidence.chain);
        Self::with_id(id, reason, by, at, Some(chain), Some(evidence))
    }

    /// The stop of this identifier, as it was written before. A longer reason is cut off.
    pub fn with_id(
        id: StopId,
        reason: &str,
        by: impl Into<String>,
        at: OffsetDateTime,
        chain: Option<ChainId>,
        evidence: Option<SeenOnChain>,
    ) -> Self {
        let reason = reason.chars().take(Self::MAX_REASON_LENGTH).collect();
        Self { id, chain, reason, evidence, by: by.into(), at: at.truncate_to_second() }
    }

    /// Why, at most [`MAX_REASON_LENGTH`](Self::MAX_REASON_LENGTH) characters.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether it covers the marks of a chain.
    pub fn covers(&self, chain: ChainId) -> bool {
        self.chain.is_none_or(|only| only == chain)
    }
}

/// For a refusal, a log line, or a table: who, when and why, with the identifier.
impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, by, reason, .. } = self;
        let at = self.at.format(&Rfc3339).unwrap_or_default();
        write!(formatter, "stopped by {by} at {at}: {reason} (stop {id})")
    }
}

/// The field of a stopped mark: what the mark would be without its stops, and the stops.
///
/// The mark itself is then at the [highest position](STOPPED_AT), where no release signs anything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stopped {
    /// The true position of the mark: the highest one that was signed or raised to. It never falls. Level 0, round 0 if
    /// nothing was.
    pub position: Position,
    /// The digest of the payload signed there; `None` if the mark was raised there, or nothing was signed.
    pub digest: Option<Digest>,
    /// The signature of a block signed there.
    pub signature: Option<Signature>,
    /// The write that brought the mark to this position.
    pub origin: AttemptId,
    /// The stops, at least one.
    pub stops: Vec<Stop>,
}

/// The position of a stopped mark: level and round 2,147,483,647.
pub const STOPPED_AT: Position = Position { level: NonNegative::MAX, round: NonNegative::MAX };

impl Mark {
    /// What a write that does not raise the mark keeps of it: everything but its stops.
    pub(super) fn kept(&self, attempt: AttemptId, written: Option<Written>) -> Self {
        let (digest, signature) = (self.true_digest(), self.true_signature());
        Self {
            origin: Some(self.origin()),
            stoppable: self.stoppable,
            ..Self::new(self.true_position(), digest, signature, attempt, written)
        }
    }

    /// The mark, stopped by these stops; itself, if there are none.
    pub(crate) fn stopped_by(self, stops: Vec<Stop>) -> Self {
        if stops.is_empty() {
            return self;
        }
        let (position, digest, signature, origin) = (self.position, self.digest, self.signature, self.origin());
        let stopped = Stopped { position, digest, signature, origin, stops };
        Self {
            position: STOPPED_AT,
            digest: None,
            signature: None,
            origin: None,
            stop: Some(Box::new(stopped)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_off() {
        let at = OffsetDateTime::UNIX_EPOCH;
        let position = Position { level: NonNegative::ZERO, round: NonNegative::ZERO };
        let (id, chain, kind) = (Digest::of(b"vote"), ChainId::MAINNET, Kind::Attestation);
        let evidence = SeenOnChain { id, chain, kind, position, source: String::new() };
        // Characters of more than one byte.
        let long = "ü".repeat(Stop::MAX_REASON_LENGTH + 1);
        for stop in [
            Stop::new(&long, "one", at, None, None).unwrap(),
            Stop::of_evidence(evidence, &long, "one", at),
            Stop::with_id(StopId(1), &long, "one", at, None, None),
        ] {
            assert_eq!(stop.reason(), "ü".repeat(400));
        }
    }
}
