//! What a difference can cost.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a difference can cost the signer's operator, ordered by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// Nothing that the chain sees: no client sends it, nobody can use the result, or only a human-readable text differs.
    Cosmetic,
    /// A block, a vote or an operation gets no signature that a client can use, or a key is unavailable for a while.
    LostSlot,
    /// A signature is released that must not be. For blocks and votes: double signing, or a request whose level and round are
    /// unknown. For operations, packed data and authentication: an attacker gets the key's funds or rights.
    Slashing,
}

impl Consequence {
    /// All of them, the most severe first.
    pub const ALL: [Self; 3] = [Self::Slashing, Self::LostSlot, Self::Cosmetic];

    /// Its name in the files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slashing => "slashing",
            Self::LostSlot => "lost_slot",
            Self::Cosmetic => "cosmetic",
        }
    }

    /// Its meaning, for a report.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Slashing => "slashing or theft",
            Self::LostSlot => "a lost slot",
            Self::Cosmetic => "cosmetic",
        }
    }
}

impl fmt::Display for Consequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
