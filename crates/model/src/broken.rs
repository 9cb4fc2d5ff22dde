use crate::Setup;
use crate::properties::{ONE_DIGEST, ONE_SIGNATURE};
use crate::setup::{
    SMALL_BLOCKS, SMALL_BLOCKS_CREATED_AGAIN, SMALL_BLOCKS_LOST, SMALL_VOTES, SMALL_VOTES_CREATED_AGAIN,
    SMALL_VOTES_LOST,
};
use std::fmt;

/// A way to get the protocol wrong, each of which has been got wrong somewhere. The model has to find a run that shows it.
///
/// None of them changes the product's code: each is what a program around it could do instead of what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// A signature leaves as soon as the vault has made it.
    ReleaseBeforeCommit,
    /// The vault signs a repeated block anew, and the new signature leaves.
    BlockRepeatSignedAgain,
    /// What a process remembers of the mark decides alone, and the store is told afterwards.
    CachedMarkTrusted,
    /// The store writes whatever the version is that it replaces.
    UnconditionalWrite,
    /// The mark is read and decided on before each write, and then written whatever has happened in between.
    ReadInsteadOfCompare,
    /// A write that ends without a clear answer is sent again, and a conflict is taken for the trace of the first.
    BlindRetry,
    /// Attestations with DAL content have a mark of their own.
    MarkPerContentTag,
    /// Which container an answer is of is not looked at.
    ContainerNotCompared,
    /// The tag on the key is not looked at.
    KeyNotBound,
    /// The highest mark that was acknowledged is forgotten with each request.
    LossNotNoticed,
}

impl Broken {
    /// All of them.
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

    /// Where it shows, and which properties cannot hold there: one of them has to be found violated.
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
