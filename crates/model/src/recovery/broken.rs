//! Mistakes about recoveries, which the model must catch.

use super::RecoverySetup;
use super::setup::{SMALL, SMALL_KINDS, SMALL_SEALED, SMALL_SEALED_KEYS};
use crate::history::{ONE_DIGEST, ONE_SIGNATURE};
use std::fmt;

/// A mistake about recoveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenRecovery {
    /// The keys are bound before the marks are raised.
    BoundFirst,
    /// The keys are bound to the container that is in use at the end.
    BoundToTheLast,
    /// The head is read before the container is identified.
    HeadReadFirst,
    /// Marks are raised to what was released, without a distance for what may still be on its way.
    NoDistance,
    /// Only marks that exist are raised.
    AbsentNotCreated,
    /// The marks of one kind are raised.
    OneKind,
    /// The tag is compared when a request arrives, and not again before the release.
    ComparedOnce,
    /// The tag that is compared before the release was read after the request arrived.
    ComparedWithLaterTag,
    /// A sealed key is sealed for the new container before its marks are raised there.
    SealedFirst,
    /// The marks of the consensus key are raised, and not those of its companion.
    CompanionNotRaised,
    /// The store in a sealed key has no `_rid`.
    SealedWithoutRid,
}

impl BrokenRecovery {
    /// All mistakes.
    pub const ALL: [Self; 11] = [
        Self::BoundFirst,
        Self::BoundToTheLast,
        Self::HeadReadFirst,
        Self::NoDistance,
        Self::AbsentNotCreated,
        Self::OneKind,
        Self::ComparedOnce,
        Self::ComparedWithLaterTag,
        Self::SealedFirst,
        Self::CompanionNotRaised,
        Self::SealedWithoutRid,
    ];

    /// The setup that exposes it, with the properties of which it violates one there.
    pub const fn shows(self) -> (RecoverySetup, &'static [&'static str]) {
        match self {
            Self::OneKind => (SMALL_KINDS, &[ONE_DIGEST, ONE_SIGNATURE]),
            Self::SealedFirst | Self::SealedWithoutRid => (SMALL_SEALED, &[ONE_DIGEST]),
            Self::CompanionNotRaised => (SMALL_SEALED_KEYS, &[ONE_DIGEST]),
            _ => (SMALL, &[ONE_DIGEST]),
        }
    }
}

impl fmt::Display for BrokenRecovery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::BoundFirst => "recover: keys are bound first",
            Self::BoundToTheLast => "recover: keys are bound to the last container",
            Self::HeadReadFirst => "recover: the head is read first",
            Self::NoDistance => "recover: raised to what was released",
            Self::AbsentNotCreated => "recover: absent marks are not created",
            Self::OneKind => "recover: one kind is raised",
            Self::ComparedOnce => "recover: tags are compared on arrival only",
            Self::ComparedWithLaterTag => "recover: a later tag is compared",
            Self::SealedFirst => "sealed: sealed again before the marks",
            Self::CompanionNotRaised => "sealed: the companion's marks are not raised",
            Self::SealedWithoutRid => "sealed: the store has no _rid",
        })
    }
}
