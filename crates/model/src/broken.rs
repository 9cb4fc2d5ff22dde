//! Broken variants of the protocol, which the model must catch.

use crate::Setup;
use crate::history::{ONE_DIGEST, ONE_SIGNATURE};
use crate::setup::{
    SMALL_BLOCKS, SMALL_BLOCKS_CREATED_AGAIN, SMALL_BLOCKS_LOST, SMALL_VOTES, SMALL_VOTES_CREATED_AGAIN,
    SMALL_VOTES_LOST,
};
use std::fmt;

/// A mistake in the protocol, each of which has been made in real signers. The model has to find a run that shows it.
///
/// None of them changes the product's code: each is a mistake of the surrounding program, which ignores a step or distorts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// A signature is released as soon as the vault has signed.
    ReleaseBeforeCommit,
    /// A repeated block is signed again, and the new signature is released.
    BlockRepeatSignedAgain,
    /// The cached mark alone decides, and the store is written afterwards.
    CachedMarkTrusted,
    /// The store ignores the expected version.
    UnconditionalWrite,
    /// The mark is read and checked before each write, and then overwritten unconditionally.
    ReadInsteadOfCompare,
    /// A write with an unknown outcome is resent, and a conflict is taken as proof that the first was applied.
    BlindRetry,
    /// Attestations with DAL content have a separate mark.
    MarkPerContentTag,
    /// An answer's container is not compared with the one checked at the start.
    ContainerNotCompared,
    /// The key's tag is ignored.
    KeyNotBound,
    /// The highest acknowledged mark is forgotten after each request.
    LossNotNoticed,
}

impl Broken {
    /// All variants.
    pub const ALL: [Self; 10] = [
        Self::ReleaseBeforeCommit,
        Self::BlockRepeatSignedAgain,
        Self::CachedMarkTrusted,
        Self::UnconditionalWrite,
        Self::ReadInsteadOfCompare,
        Self::BlindRetry,
        Self::MarkPerContentTag,
        Self::ContainerNotCompared,
        Self::KeyNotBound,
        Self::LossNotNoticed,
    ];

    /// The setups that expose it, each with the properties that it can violate there; one of them must be found violated.
    pub const fn shows(self) -> &'static [(Setup, &'static [&'static str])] {
        const BLOCKS: (Setup, &[&str]) = (SMALL_BLOCKS, &[ONE_DIGEST, ONE_SIGNATURE]);
        const REPEATED_BLOCKS: (Setup, &[&str]) = (SMALL_BLOCKS, &[ONE_SIGNATURE]);
        const VOTES: (Setup, &[&str]) = (SMALL_VOTES, &[ONE_DIGEST]);
        const CREATED_BLOCKS: (Setup, &[&str]) = (SMALL_BLOCKS_CREATED_AGAIN, &[ONE_DIGEST, ONE_SIGNATURE]);
        const CREATED_VOTES: (Setup, &[&str]) = (SMALL_VOTES_CREATED_AGAIN, &[ONE_DIGEST]);
        const LOST_BLOCKS: (Setup, &[&str]) = (SMALL_BLOCKS_LOST, &[ONE_DIGEST, ONE_SIGNATURE]);
        const LOST_VOTES: (Setup, &[&str]) = (SMALL_VOTES_LOST, &[ONE_DIGEST]);
        match self {
            Self::BlockRepeatSignedAgain => &[REPEATED_BLOCKS],
            Self::MarkPerContentTag => &[VOTES],
            Self::ContainerNotCompared | Self::KeyNotBound => &[CREATED_BLOCKS, CREATED_VOTES],
            Self::LossNotNoticed => &[LOST_BLOCKS, LOST_VOTES],
            Self::ReleaseBeforeCommit
            | Self::CachedMarkTrusted
            | Self::UnconditionalWrite
            | Self::ReadInsteadOfCompare
            | Self::BlindRetry => &[BLOCKS, VOTES],
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::ReleaseBeforeCommit => "release before commit",
            Self::BlockRepeatSignedAgain => "block repeat signed again",
            Self::CachedMarkTrusted => "cached mark trusted",
            Self::UnconditionalWrite => "unconditional write",
            Self::ReadInsteadOfCompare => "read instead of compare",
            Self::BlindRetry => "ambiguous write retried without reading back",
            Self::MarkPerContentTag => "mark per content tag",
            Self::ContainerNotCompared => "container not compared",
            Self::KeyNotBound => "key not bound",
            Self::LossNotNoticed => "loss not noticed",
        })
    }
}
