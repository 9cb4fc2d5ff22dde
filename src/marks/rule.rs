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
//!
//! An advance is also checked against other knowledge:
//!
//! | known | requested | verdict |
//! | --- | --- | --- |
//! | the highest level that the chain can have reached by now | above it | not safe: no such level yet |
//! | no head of the chain, but marks of the key there, of any kind | more than the jump limit above the highest | not safe: too far |
//!
//! Positions are compared, never subtracted, so there is nothing to overflow.

use super::{Mark, MarkId};
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
    let Request { id: MarkId { kind, .. }, position: requested, digest, .. } = *request;
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

/// Whether a position that is imported or set by hand may replace the stored mark: only if it is higher.
pub fn is_raised_by(stored: &Mark, other: Position) -> bool {
    stored.position < other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Verdict;
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
                "same block, signature unknown",
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
            let request = Request {
                id: id(kind),
                position,
                digest: digest(fill),
                jump_limit: None,
                max_level: None,
                requester: None,
            };
            assert_eq!(decide(stored, &request), expected, "{name}");
        }
    }

    #[test]
    fn a_level_far_above_the_mark_is_refused() {
        let mark = mark_at(at(1000, 0));
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
                max_level: None,
                requester: None,
            };
            assert_eq!(decide(Some(&mark), &request).is_ok(), is_safe, "{level} {limit:?}");
        }
        let first = Request {
            id: id(Kind::Block),
            position: at(i32::MAX, 0),
            digest: digest(1),
            jump_limit: Some(1),
            max_level: None,
            requester: None,
        };
        assert_eq!(decide(None, &first), Ok(Safe::Advance));
    }

    fn mark_at(position: Position) -> Mark {
        Mark { position, digest: None, signature: None, attempt: AttemptId::random().unwrap(), written: None }
    }

    #[test]
    fn a_jump_is_measured_from_the_keys_highest_mark_of_any_kind() {
        let too_far = |mark| Err((at(1101, 0), mark));
        for (name, stored, others, depends, expected) in [
            ("by its own mark", Some(at(1001, 0)), None, false, Ok(())),
            ("by the mark of another kind", Some(at(7, 0)), Some(at(1001, 0)), true, Ok(())),
            ("no kind is near", Some(at(7, 0)), Some(at(1000, 9)), true, too_far(at(1000, 9))),
            ("the others are behind", Some(at(1000, 0)), Some(at(7, 0)), true, too_far(at(1000, 0))),
            ("the first of its kind", None, Some(at(1001, 0)), true, Ok(())),
            ("the first of its kind, far off", None, Some(at(1000, 0)), true, too_far(at(1000, 0))),
            ("the first of all", None, None, true, Ok(())),
        ] {
            let stored = stored.map(mark_at);
            let (position, digest) = (at(1101, 0), digest(1));
            let request = Request {
                id: id(Kind::Block),
                position,
                digest,
                jump_limit: Some(100),
                max_level: None,
                requester: None,
            };
            let verdict = decide_among(stored.as_ref(), others, &request).map(drop).map_err(|error| match error {
                NotSafe::JumpTooFar { requested, mark, .. } => (requested, mark),
                other => panic!("{name}: {other}"),
            });
            assert_eq!(verdict, expected, "{name}");
            assert_eq!(depends_on_other_kinds(stored.as_ref(), &request), depends, "{name}");
        }
    }

    #[test]
    fn an_impossible_level_is_refused_even_without_a_mark() {
        let max = NonNegative::try_from(2000).unwrap();
        let request = |level| Request {
            id: id(Kind::Block),
            position: at(level, 0),
            digest: digest(1),
            jump_limit: None,
            max_level: Some(max),
            requester: None,
        };
        let refused = Err(NotSafe::LevelImpossible { kind: Kind::Block, requested: at(2001, 0), max });
        for stored in [None, Some(mark_at(at(1999, 0)))] {
            assert_eq!(decide(stored.as_ref(), &request(2000)), Ok(Safe::Advance));
            assert_eq!(decide(stored.as_ref(), &request(2001)), refused);
        }
        let there = Mark { digest: Some(digest(1)), signature: Some(SIGNATURE), ..mark_at(at(2001, 0)) };
        let repeat = Ok(Safe::Repeat { signature: Some(SIGNATURE) });
        assert_eq!(decide(Some(&there), &request(2001)), repeat, "a released signature may be released again");
    }

    #[test]
    fn invariant_2_marks_only_rise() {
        let mark = mark_at(at(5, 2));
        for (position, rises) in
            [(at(5, 1), false), (at(4, 9), false), (at(5, 2), false), (at(5, 3), true), (at(6, 0), true)]
        {
            assert_eq!(is_raised_by(&mark, position), rises, "{position}");
        }
    }

    /// Alerts and the operations guide refer to them.
    #[test]
    fn each_cause_has_a_stable_name() {
        let (kind, requested, mark, max) = (Kind::Block, at(5, 2), at(5, 3), NonNegative::MAX);
        for (not_safe, cause) in [
            (NotSafe::BelowMark { kind, requested, mark }, "below_mark"),
            (NotSafe::DifferentData { kind, requested, digest: digest(1), signed: digest(2) }, "different_data"),
            (NotSafe::RaisedHere { kind, requested }, "raised_here"),
            (NotSafe::SignatureUnknown { requested }, "signature_unknown"),
            (NotSafe::JumpTooFar { kind, requested, mark, limit: 1 }, "too_far"),
            (NotSafe::LevelImpossible { kind, requested, max }, "level_impossible"),
            (NotSafe::MarkLost { id: id(kind) }, "mark_lost"),
        ] {
            assert_eq!((not_safe.cause().name(), not_safe.cause().verdict()), (cause, Verdict::Refused));
        }
    }
}
