use crate::Setup;
use crate::properties::{ONE_DIGEST, ONE_SIGNATURE};
use crate::setup::{SMALL_BLOCKS, SMALL_VOTES};
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
}

impl Broken {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ReleaseBeforeCommit,
        Self::BlockRepeatSignedAgain,
        Self::CachedMarkTrusted,
        Self::UnconditionalWrite,
        Self::ReadInsteadOfCompare,
        Self::BlindRetry,
        Self::MarkPerContentTag,
    ];

    /// Where it shows, and which properties cannot hold there: one of them has to be found violated.
    pub const fn shows(self) -> &'static [(Setup, &'static [&'static str])] {
        const BLOCKS: (Setup, &[&str]) = (SMALL_BLOCKS, &[ONE_DIGEST, ONE_SIGNATURE]);
        const REPEATED_BLOCKS: (Setup, &[&str]) = (SMALL_BLOCKS, &[ONE_SIGNATURE]);
        const VOTES: (Setup, &[&str]) = (SMALL_VOTES, &[ONE_DIGEST]);
        match self {
            Self::BlockRepeatSignedAgain => &[REPEATED_BLOCKS],
            Self::MarkPerContentTag => &[VOTES],
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
        })
    }
}
