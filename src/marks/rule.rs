//! The rule: whether something may be signed, given what has been signed. Pure; both stores, the tests and whatever else
//! decides call it.
//!
//! | stored mark | requested | verdict |
//! | --- | --- | --- |
//! | none | any | advance |
//! | level lower, or same level and round lower | | advance |
//! | same level, same round, same digest | | repeat |
//! | … and it is a block whose mark has no signature | | not safe: signed already, signature not known |
//! | same level, same round, other digest | | not safe: already signed with different data |
//! | level higher, or same level and round higher | | not safe: below the high watermark |
//!
//! Positions are compared, never subtracted, so there is nothing to overflow.

use super::Mark;
use crate::tezos::payload::{Kind, Position};
use crate::tezos::{Digest, Signature};
use std::cmp::Ordering;
use thiserror::Error;

/// What is asked to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Block, preattestation or attestation.
    pub kind: Kind,
    /// Level and round.
    pub position: Position,
    /// Of the whole payload.
    pub digest: Digest,
    /// How many levels above an existing mark the request may be, where no node tells the head of the chain. A far-future
    /// level would raise the mark and silence the key for good.
    pub jump_limit: Option<u32>,
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
    /// The mark is just there, with another digest, or with none.
    #[error("{kind} at {requested} is already signed with different data")]
    DifferentData {
        /// Of the request.
        kind: Kind,
        /// What was asked for, and where the mark is.
        requested: Position,
        /// The digest of what was asked for.
        digest: Digest,
        /// The digest of what was signed, if it is known.
        signed: Option<Digest>,
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

/// Decides whether `request` may be signed when `stored` is the mark.
///
/// # Errors
/// [`NotSafe`] if it must not be.
pub fn decide(stored: Option<&Mark>, request: &Request) -> Result<Safe, NotSafe> {
    let Some(mark) = stored else { return Ok(Safe::Advance) };
    let Request { kind, position: requested, digest, jump_limit } = *request;
    match requested.cmp(&mark.position) {
        Ordering::Less => Err(NotSafe::BelowMark { kind, requested, mark: mark.position }),
        Ordering::Equal if mark.digest != Some(digest) => {
            Err(NotSafe::DifferentData { kind, requested, digest, signed: mark.digest })
        }
        Ordering::Equal => match (kind, mark.signature) {
            (Kind::Block, None) => Err(NotSafe::SignatureUnknown { requested }),
            (Kind::Block, signature) => Ok(Safe::Repeat { signature }),
            (Kind::Preattestation | Kind::Attestation, _) => Ok(Safe::Repeat { signature: None }),
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
pub fn is_raised_by(stored: Option<&Mark>, other: Position) -> bool {
    stored.is_none_or(|mark| mark.position < other)
}
