//! Mistakes about stops, which the model must catch.

use super::StopSetup;
use super::properties::{EXPORTED, LEFT};
use super::setup::{SMALL, SMALL_EARLIER, SMALL_LEVELS, SMALL_RESUMED, SMALL_RESUMED_LEVELS, SMALL_TWICE};
use crate::history::ONE_DIGEST;
use std::fmt;

/// A mistake about stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenStop {
    /// A process that creates a mark does not read the stop item.
    ItemNotRead,
    /// A process reads the stop item before it creates the mark.
    ItemReadBefore,
    /// A mark is written as if the stop item had been read.
    FlagAtOnce,
    /// The marks are listed before the stop item is written.
    ListedFirst,
    /// Marks are stopped by unconditional writes.
    Unconditional,
    /// A stop forgets the true position.
    PositionForgotten,
    /// The earlier release runs, and the stop creates no marks: a documented limit.
    EarlierCreates,
}

impl BrokenStop {
    /// All mistakes.
    pub const ALL: [Self; 7] = [
        Self::ItemNotRead,
        Self::ItemReadBefore,
        Self::FlagAtOnce,
        Self::ListedFirst,
        Self::Unconditional,
        Self::PositionForgotten,
        Self::EarlierCreates,
    ];

    /// The setup that exposes it, with the properties of which it violates one there.
    pub const fn shows(self) -> (StopSetup, &'static [&'static str]) {
        match self {
            Self::ItemNotRead | Self::ItemReadBefore => (SMALL, &[LEFT, EXPORTED]),
            Self::ListedFirst => (SMALL_LEVELS, &[LEFT, EXPORTED]),
            Self::FlagAtOnce => (SMALL_TWICE, &[LEFT, EXPORTED]),
            Self::EarlierCreates => (SMALL_EARLIER, &[LEFT, EXPORTED]),
            Self::Unconditional => (SMALL_RESUMED_LEVELS, &[ONE_DIGEST]),
            Self::PositionForgotten => (SMALL_RESUMED, &[ONE_DIGEST]),
        }
    }
}

impl fmt::Display for BrokenStop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::ItemNotRead => "stop: the item is not read",
            Self::ItemReadBefore => "stop: the item is read before the mark exists",
            Self::FlagAtOnce => "stop: a mark has the flag too early",
            Self::ListedFirst => "stop: marks are listed before it is written",
            Self::Unconditional => "stop: marks are overwritten unconditionally",
            Self::PositionForgotten => "stop: the true position is forgotten",
            Self::EarlierCreates => "stop: an earlier release creates a mark",
        })
    }
}
