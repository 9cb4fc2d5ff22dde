use serde::{Deserialize, Serialize};
use std::fmt;

/// What a difference costs whoever runs the signer. Of two, the graver is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// Nothing that the chain sees: no client sends it, nobody can use what comes of it, or a person reads another text.
    Cosmetic,
    /// A block, a vote or an operation has no signature that a client can use, or a key has none for a while.
    LostSlot,
    /// A signature leaves that must not. Of blocks and votes: double signing, or a request whose level and round are not
    /// known. Of operations, packed data and authentications: somebody takes the funds or the rights of the key.
    Slashing,
}

impl Consequence {
    /// All of them, the gravest first.
    pub const ALL: [Self; 3] = [Self::Slashing, Self::LostSlot, Self::Cosmetic];

    /// The word for it in the files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slashing => "slashing",
            Self::LostSlot => "lost_slot",
            Self::Cosmetic => "cosmetic",
        }
    }

    /// What it means, for a report.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Slashing => "can be slashed, or robbed",
            Self::LostSlot => "loses a slot",
            Self::Cosmetic => "cosmetic",
        }
    }
}

impl fmt::Display for Consequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
