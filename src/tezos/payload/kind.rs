//! Kinds of consensus payloads.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The kind of a consensus payload; each has a mark. It follows the watermark byte, not the content tag: an attestation with DAL content (tag 23),
/// one without (21) and one of a tz4 key (41) are the same kind and share one mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// 0x11.
    Block,
    /// 0x12.
    Preattestation,
    /// 0x13.
    Attestation,
}

impl Kind {
    /// The three kinds.
    pub const ALL: [Self; 3] = [Self::Block, Self::Preattestation, Self::Attestation];

    /// The kind's name: in marks, policy, logs and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Preattestation => "preattestation",
            Self::Attestation => "attestation",
        }
    }

    /// The kind's name behind its indefinite article, for sentences.
    pub const fn with_article(self) -> &'static str {
        match self {
            Self::Block => "a block",
            Self::Preattestation => "a preattestation",
            Self::Attestation => "an attestation",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// A name other than those of the three kinds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a kind: block, preattestation or attestation")]
pub struct UnknownKind(String);
