//! The rule: whether something may be signed, given what has been signed. Pure, and the only place where that is decided.
//!
//! | stored mark | requested | verdict |
//! | --- | --- | --- |
//! | none | any | advance |
//! | level lower, or same level and round lower | | advance |
//! | same level, same round, same digest | | repeat |
//! | … and it is a block whose mark has no signature | | not safe: already signed, signature unknown |
//! | same level, same round, other digest | | not safe: already signed with different data |
//! | same level, same round, mark without a digest (raised by hand) | | not safe: equals a mark that was raised by hand |
//! | level higher, or same level and round higher | | not safe: below the high watermark |
//! | stopped | any | not safe: stopped |
//!
//! An advance is also checked against other knowledge:
//!
//! | known | requested | verdict |
//! | --- | --- | --- |
//! | the highest level that the chain can have reached by now | above it | not safe: no such level yet |
//! | no head of the chain, but marks of the key there, of any kind | more than the jump limit above the highest | not safe: too far |
//!
//! Positions are compared, never subtracted, so there is nothing to overflow.

use super::{Mark, MarkId, Stop};
use crate::answer::Cause;
use crate::tezos::payload::{Kind, NonNegative, Position};
use crate::tezos::{Digest, PublicKeyHash, Signature};
use std::cmp::Ordering;
use thiserror::Error;

/// A block or a vote that a client wants signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// Chain, key and kind.
    pub id: MarkId,
    /// Level and round.
    pub position: Position,
    /// BLAKE2b-256 of the whole payload.
    pub digest: Digest,
    /// How many levels above the key's highest mark on the chain the request may be, if no node has reported the head. A
    /// far-future level would raise the mark and disable the key for good.
    pub jump_limit: Option<u32>,
    /// The highest level that the chain can have reached by now, if it is a known one
    /// ([`checkpoints`](crate::chain::checkpoints)).
    pub max_level: Option<NonNegative>,
    /// The authorized key that signed the request, if requests are authenticated. Written with the mark, for auditors.
    pub requester: Option<PublicKeyHash>,
}

/// Why a request may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safe {
    /// It is above the mark, which must be raised to it first.
    Advance,
    /// The mark is for this very payload.
    Repeat {
        /// The only signature that may be released: always `Some` for a block, `None` for a vote, which may be signed again.
        signature: Option<Signature>,
    },
}

/// Why a request must not be signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotSafe {
    /// The mark is higher.
    #[error("{kind} at {requested} is below the high watermark, {mark}")]
    BelowMark {
        /// The requested kind.
        kind: Kind,
        /// The requested position.
        requested: Position,
        /// The position of the mark.
        mark: Position,
    },
    /// The mark is at this position, with another digest.
    #[error("{kind} at {requested} is already signed with different data")]
    DifferentData {
        /// The requested kind.
        kind: Kind,
        /// The requested position, which is also that of the mark.
        requested: Position,
        /// The digest of the requested payload.
        digest: Digest,
        /// The digest of the signed payload.
        signed: Digest,
    },
    /// The mark is at this position and was raised by hand: the signed payload is unknown.
    #[error("{kind} at {requested} equals a high watermark that was raised by hand, so nothing is signed there")]
    RaisedHere {
        /// The requested kind.
        kind: Kind,
        /// The requested position, which is also that of the mark.
        requested: Position,
    },
    /// This very block was signed, but the mark does not hold the signature, and a second one would be double baking.
    #[error("block at {requested} is already signed, and its signature is unknown")]
    SignatureUnknown {
        /// The requested position, which is also that of the mark.
        requested: Position,
    },
    /// Too far above all marks of the key to be plausible.
    #[error("{kind} at {requested} is more than {limit} levels above the key's highest mark on this chain, {mark}")]
    JumpTooFar {
        /// The requested kind.
        kind: Kind,
        /// The requested position.
        requested: Position,
        /// The key's highest mark on the chain, of any kind.
        mark: Position,
        /// The allowed distance in levels.
        limit: u32,
    },
    /// The chain cannot have reached this level yet.
    #[error("{kind} at {requested} cannot be right: by this machine's clock, this chain is at level {max} at most")]
    LevelImpossible {
        /// The requested kind.
        kind: Kind,
        /// The requested position.
        requested: Position,
        /// The highest possible level.
        max: NonNegative,
    },
    /// The key is stopped. Unlike a mark, a stop can be lifted, so one in memory is read again before it refuses.
    #[error("{key} is {stop}")]
    Stopped {
        /// The key.
        key: PublicKeyHash,
        /// The first of its stops.
        stop: Box<Stop>,
    },
    /// The store was lost and recreated, so the key's earlier marks are missing.
    #[error("the mark store was lost and recreated, and holds no {} mark of {} on {}", id.kind, id.key, id.chain)]
    MarkLost {
        /// The mark.
        id: MarkId,
    },
}

impl NotSafe {
    /// The cause, for logs and answers.
    pub const fn cause(&self) -> Cause {
        match self {
            Self::BelowMark { .. } => Cause::BelowMark,
            Self::DifferentData { .. } => Cause::DifferentData,
            Self::RaisedHere { .. } => Cause::RaisedHere,
            Self::SignatureUnknown { .. } => Cause::SignatureUnknown,
            Self::JumpTooFar { .. } => Cause::TooFar,
            Self::LevelImpossible { .. } => Cause::LevelImpossible,
            Self::MarkLost { .. } => Cause::MarkLost,
            Self::Stopped { .. } => Cause::Stopped,
        }
    }
}

/// Decides whether `request` may be signed given the stored mark of its kind alone.
///
/// # Errors
/// [`NotSafe`] if it must not be signed.
pub fn decide(stored: Option<&Mark>, request: &Request) -> Result<Safe, NotSafe> {
    decide_among(stored, None, request)
}

/// Decides whether `request` may be signed, given the stored mark of its kind, and in `others` the highest position of the
/// key's marks of other kinds on the same chain: a baker votes at every level and seldom has a block to sign.
///
/// # Errors
/// [`NotSafe`] if it must not be signed.
pub fn decide_among(stored: Option<&Mark>, others: Option<Position>, request: &Request) -> Result<Safe, NotSafe> {
    let Some(mark) = stored else { return may_advance(others, request) };
    let Request { id: MarkId { kind, key, .. }, position: requested, digest, .. } = *request;
    if let Some(stop) = mark.stops().first() {
        return Err(NotSafe::Stopped { key, stop: Box::new(stop.clone()) });
    }
    match requested.cmp(&mark.position) {
        Ordering::Less => Err(NotSafe::BelowMark { kind, requested, mark: mark.position }),
        Ordering::Equal => match (mark.digest, kind, mark.signature) {
            (None, ..) => Err(NotSafe::RaisedHere { kind, requested }),
            (Some(signed), ..) if signed != digest => Err(NotSafe::DifferentData { kind, requested, digest, signed }),
            (Some(_), Kind::Block, None) => Err(NotSafe::SignatureUnknown { requested }),
            (Some(_), Kind::Block, signature) => Ok(Safe::Repeat { signature }),
            (Some(_), Kind::Preattestation | Kind::Attestation, _) => Ok(Safe::Repeat { signature: None }),
        },
        Ordering::Greater => may_advance(others.max(Some(mark.position)), request),
    }
}

/// Whether the verdict depends on the key's marks of other kinds: it is an advance, and by this kind's mark alone (level 0,
/// if there is no such mark) it would be too far.
pub fn depends_on_other_kinds(stored: Option<&Mark>, request: &Request) -> bool {
    let mark = stored.map_or(Position { level: NonNegative::ZERO, round: NonNegative::ZERO }, |mark| mark.position);
    matches!(may_advance(Some(mark), request), Err(NotSafe::JumpTooFar { .. }))
}

/// `highest` is the highest mark of the key on the chain.
fn may_advance(highest: Option<Position>, request: &Request) -> Result<Safe, NotSafe> {
    let Request { id: MarkId { kind, .. }, position: requested, jump_limit, max_level, .. } = *request;
    match (max_level, highest, jump_limit) {
        (Some(max), ..) if requested.level > max => Err(NotSafe::LevelImpossible { kind, requested, max }),
        (_, Some(mark), Some(limit)) if requested.level.get() > mark.level.get().saturating_add(limit) => {
            Err(NotSafe::JumpTooFar { kind, requested, mark, limit })
        }
        _ => Ok(Safe::Advance),
    }
}

/// Whether a position that is imported or set by hand may replace the stored mark: only if it is higher. For a stopped mark, the
/// true position counts.
pub fn is_raised_by(stored: &Mark, other: Position) -> bool {
    stored.true_position() < other
}

/// Whether one version of a mark may follow another: its position is higher; or it is stopped, or a stop is lifted, and the true
/// position does not fall and remains that of the same signature.
pub fn may_follow(stored: &Mark, new: &Mark) -> bool {
    let (before, after) = (stored.true_position(), new.true_position());
    let concerns_stops = stored.stop.is_some() || new.stop.is_some();
    before < after
        || concerns_stops
            && before == after
            && (stored.origin(), stored.true_digest(), stored.true_signature())
                == (new.origin(), new.true_digest(), new.true_signature())
}

#[cfg(test)]
mod tests;
