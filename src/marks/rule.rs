//! The rule: whether something may be signed, given what has been signed. Pure; whatever decides calls it.
//!
//! | stored mark | requested | verdict |
//! | --- | --- | --- |
//! | none | any | advance |
//! | level lower, or same level and round lower | | advance |
//! | same level, same round, same digest | | repeat |
//! | … and it is a block whose mark has no signature | | not safe: signed already, signature not known |
//! | same level, same round, other digest | | not safe: already signed with different data |
//! | same level, same round, mark without a digest (raised by hand) | | not safe: raised to just here |
//! | level higher, or same level and round higher | | not safe: below the high watermark |
//!
//! Positions are compared, never subtracted, so there is nothing to overflow.

use super::{Mark, MarkId};
use crate::tezos::payload::{Kind, Position};
use crate::tezos::{Digest, PublicKeyHash, Signature};
use std::cmp::Ordering;
use thiserror::Error;

/// What is asked to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// Chain, key and kind.
    pub id: MarkId,
    /// Level and round.
    pub position: Position,
    /// Of the whole payload.
    pub digest: Digest,
    /// How many levels above an existing mark the request may be, where no node tells the head of the chain. A far-future
    /// level would raise the mark and silence the key for good.
    pub jump_limit: Option<u32>,
    /// Who asks, if requests are authenticated. Written with the mark, for auditors.
    pub requester: Option<PublicKeyHash>,
}

/// It may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safe {
    /// After the mark has been raised to it.
    Advance,
    /// Again: the mark is at this very payload.
    Repeat {
        /// The one signature that may be released. Always there for a block, never for a vote, which may be signed again.
        signature: Option<Signature>,
    },
}

/// It must not be signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotSafe {
    /// The mark is higher.
    #[error("{kind} at {requested} is below the high watermark, {mark}")]
    BelowMark {
        /// Of the request.
        kind: Kind,
        /// What was asked for.
        requested: Position,
        /// Where the mark is.
        mark: Position,
    },
    /// The mark is just there, with another digest.
    #[error("{kind} at {requested} is already signed with different data")]
    DifferentData {
        /// Of the request.
        kind: Kind,
        /// What was asked for, and where the mark is.
        requested: Position,
        /// The digest of what was asked for.
        digest: Digest,
        /// The digest of what was signed.
        signed: Digest,
    },
    /// The mark is just there and was raised by hand: nobody knows what was signed.
    #[error("{kind} at {requested} is just where the high watermark was raised to, and nothing at it is signed")]
    RaisedHere {
        /// Of the request.
        kind: Kind,
        /// What was asked for, and where the mark is.
        requested: Position,
    },
    /// This very block was signed, but the mark does not hold the signature, and a second one would be double baking.
    #[error("block at {requested} is signed already, and its signature is not known")]
    SignatureUnknown {
        /// What was asked for, and where the mark is.
        requested: Position,
    },
    /// Too far above the mark to be true.
    #[error(
        "{kind} at {requested} is more than {limit} levels above the high watermark, {mark}; if it is right, raise the \
         mark with `azurehsm-signer marks raise`, or set NODE_URLS to have levels checked against the head of the chain"
    )]
    JumpTooFar {
        /// Of the request.
        kind: Kind,
        /// What was asked for.
        requested: Position,
        /// Where the mark is.
        mark: Position,
        /// How many levels are allowed.
        limit: u32,
    },
}

impl NotSafe {
    /// The word for it in logs, which stays the same while the sentence may change.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::BelowMark { .. } => "below_mark",
            Self::DifferentData { .. } => "different_data",
            Self::RaisedHere { .. } => "raised_here",
            Self::SignatureUnknown { .. } => "signature_unknown",
            Self::JumpTooFar { .. } => "too_far",
        }
    }
}

/// Decides whether `request` may be signed when `stored` is the mark.
///
/// # Errors
/// [`NotSafe`] if it must not be.
pub fn decide(stored: Option<&Mark>, request: &Request) -> Result<Safe, NotSafe> {
    let Some(mark) = stored else { return Ok(Safe::Advance) };
    let Request { id: MarkId { kind, .. }, position: requested, digest, jump_limit, .. } = *request;
    match requested.cmp(&mark.position) {
        Ordering::Less => Err(NotSafe::BelowMark { kind, requested, mark: mark.position }),
        Ordering::Equal => match (mark.digest, kind, mark.signature) {
            (None, ..) => Err(NotSafe::RaisedHere { kind, requested }),
            (Some(signed), ..) if signed != digest => Err(NotSafe::DifferentData { kind, requested, digest, signed }),
            (Some(_), Kind::Block, None) => Err(NotSafe::SignatureUnknown { requested }),
            (Some(_), Kind::Block, signature) => Ok(Safe::Repeat { signature }),
            (Some(_), Kind::Preattestation | Kind::Attestation, _) => Ok(Safe::Repeat { signature: None }),
        },
        Ordering::Greater => match jump_limit {
            Some(limit) if requested.level.get() > mark.position.level.get().saturating_add(limit) => {
                Err(NotSafe::JumpTooFar { kind, requested, mark: mark.position, limit })
            }
            _ => Ok(Safe::Advance),
        },
    }
}

/// Whether a mark from elsewhere (imported, or set by hand) may take the place of the stored one: only if it is higher.
pub fn is_raised_by(stored: &Mark, other: Position) -> bool {
    stored.position < other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::AttemptId;
    use crate::tezos::payload::NonNegative;

    fn at(level: i32, round: i32) -> Position {
        Position { level: level.try_into().unwrap(), round: round.try_into().unwrap() }
    }

    fn id(kind: Kind) -> MarkId {
        let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
        MarkId { chain: "NetXdQprcVkpaWU".parse().unwrap(), key, kind }
    }

    fn digest(fill: u8) -> Digest {
        Digest::from_bytes([fill; 32])
    }

    const SIGNATURE: Signature = Signature::Ed25519([7; 64]);

    /// The table of the module's documentation, row by row.
    #[test]
    fn the_rule() {
        let block_at_5_2 = Mark {
            position: at(5, 2),
            digest: Some(digest(1)),
            signature: Some(SIGNATURE),
            attempt: AttemptId::random().unwrap(),
            written: None,
        };
        let vote_at_5_2 = Mark { signature: None, ..block_at_5_2.clone() };
        let by_hand = Mark { digest: None, signature: None, ..block_at_5_2.clone() };

        let repeat = Ok(Safe::Repeat { signature: Some(SIGNATURE) });
        let sign_again = Ok(Safe::Repeat { signature: None });
        let (block, vote) = (Kind::Block, Kind::Attestation);
        let below = |kind, requested| Err(NotSafe::BelowMark { kind, requested, mark: at(5, 2) });
        let different =
            |kind| Err(NotSafe::DifferentData { kind, requested: at(5, 2), digest: digest(2), signed: digest(1) });
        let raised_here = |kind| Err(NotSafe::RaisedHere { kind, requested: at(5, 2) });
        let max = NonNegative::MAX.get().try_into().unwrap();

        let rows = [
            ("no mark", None, vote, at(0, 0), 1, Ok(Safe::Advance)),
            ("no mark, highest position", None, block, at(max, max), 1, Ok(Safe::Advance)),
            ("level above", Some(&vote_at_5_2), vote, at(6, 0), 2, Ok(Safe::Advance)),
            ("round above", Some(&vote_at_5_2), vote, at(5, 3), 2, Ok(Safe::Advance)),
            ("same vote", Some(&vote_at_5_2), vote, at(5, 2), 1, sign_again.clone()),
            ("same vote, mark with a signature", Some(&block_at_5_2), vote, at(5, 2), 1, sign_again),
            ("same block", Some(&block_at_5_2), block, at(5, 2), 1, repeat),
            (
                "same block, signature not known",
                Some(&vote_at_5_2),
                block,
                at(5, 2),
                1,
                Err(NotSafe::SignatureUnknown { requested: at(5, 2) }),
            ),
            ("other vote", Some(&vote_at_5_2), vote, at(5, 2), 2, different(vote)),
            ("other block", Some(&block_at_5_2), block, at(5, 2), 2, different(block)),
            ("vote at a mark raised by hand", Some(&by_hand), vote, at(5, 2), 1, raised_here(vote)),
            ("block at a mark raised by hand", Some(&by_hand), block, at(5, 2), 1, raised_here(block)),
            ("round below", Some(&vote_at_5_2), vote, at(5, 1), 1, below(vote, at(5, 1))),
            ("level below, round above", Some(&block_at_5_2), block, at(4, 9), 1, below(block, at(4, 9))),
        ];
        for (name, stored, kind, position, fill, expected) in rows {
            let request = Request { id: id(kind), position, digest: digest(fill), jump_limit: None, requester: None };
            assert_eq!(decide(stored, &request), expected, "{name}");
        }
    }

    #[test]
    fn a_level_far_above_the_mark_is_not_believed() {
        let mark = Mark {
            position: at(1000, 0),
            digest: None,
            signature: None,
            attempt: AttemptId::random().unwrap(),
            written: None,
        };
        for (level, limit, is_safe) in [
            (1100, Some(100), true),
            (1101, Some(100), false),
            (1101, None, true),
            (i32::MAX, Some(u32::MAX), true),
            (i32::MAX, Some(100_000), false),
        ] {
            let request = Request {
                id: id(Kind::Block),
                position: at(level, 0),
                digest: digest(1),
                jump_limit: limit,
                requester: None,
            };
            assert_eq!(decide(Some(&mark), &request).is_ok(), is_safe, "{level} {limit:?}");
        }
        let first = Request {
            id: id(Kind::Block),
            position: at(i32::MAX, 0),
            digest: digest(1),
            jump_limit: Some(1),
            requester: None,
        };
        assert_eq!(decide(None, &first), Ok(Safe::Advance));
    }

    #[test]
    fn invariant_2_marks_only_rise() {
        let mark = Mark {
            position: at(5, 2),
            digest: None,
            signature: None,
            attempt: AttemptId::random().unwrap(),
            written: None,
        };
        for (position, rises) in
            [(at(5, 1), false), (at(4, 9), false), (at(5, 2), false), (at(5, 3), true), (at(6, 0), true)]
        {
            assert_eq!(is_raised_by(&mark, position), rises, "{position}");
        }
    }
}
