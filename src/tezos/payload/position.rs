//! Levels, rounds, and their order.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A level or a round: a non-negative 32-bit integer, 0 to 2 147 483 647.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NonNegative(u32);

impl NonNegative {
    /// 0.
    pub const ZERO: Self = Self(0);
    /// The largest: 2 147 483 647.
    pub const MAX: Self = Self(i32::MAX.unsigned_abs());

    /// The value.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<i32> for NonNegative {
    type Error = std::num::TryFromIntError;

    fn try_from(value: i32) -> Result<Self, Self::Error> {
        u32::try_from(value).map(Self)
    }
}

impl TryFrom<u32> for NonNegative {
    type Error = std::num::TryFromIntError;

    fn try_from(value: u32) -> Result<Self, Self::Error> {
        i32::try_from(value).map(|_| Self(value))
    }
}

impl FromStr for NonNegative {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<u32>().ok().and_then(|value| Self::try_from(value).ok()).ok_or_else(|| OutOfRange(text.to_owned()))
    }
}

/// A text that is not a level or a round.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a whole number from 0 to 2147483647")]
pub struct OutOfRange(String);

impl fmt::Display for NonNegative {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A position in a chain's consensus. Ordered by level, then by round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The level of the block.
    pub level: NonNegative,
    /// The round within the level.
    pub round: NonNegative,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.round == NonNegative::MAX {
            return write!(formatter, "level {}, all rounds", self.level);
        }
        write!(formatter, "level {}, round {}", self.level, self.round)
    }
}
