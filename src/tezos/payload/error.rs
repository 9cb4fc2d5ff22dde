//! Why a payload is refused: the byte, the reason, and a likely cause in the client.

use super::super::Curve;
use super::operations::OutdatedForm;
use super::{Kind, NonNegative};
use std::fmt;
use thiserror::Error;

/// Why a payload is refused, and a likely cause in the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood {
    /// The decoder's error.
    pub error: DecodeError,
    /// The outdated form of an operation that the payload has, if the client is probably too old.
    pub outdated: Option<OutdatedForm>,
}

impl NotUnderstood {
    /// An error of the decoder, with a likely cause found in the payload.
    pub fn new(error: DecodeError, payload: &[u8]) -> Self {
        Self { error, outdated: OutdatedForm::find(payload) }
    }
}

impl std::error::Error for NotUnderstood {}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)?;
        self.outdated.map_or(Ok(()), |outdated| write!(formatter, "; this is {outdated}"))
    }
}

/// Why a payload cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("byte {offset}: {reason}")]
pub struct DecodeError {
    /// The offset of the invalid byte from the start of the payload; the watermark byte is byte 0.
    pub offset: usize,
    /// The reason.
    pub reason: Reason,
}

/// Why a byte of a payload is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    /// The payload is empty.
    #[error("the payload is empty, expected a watermark byte (11, 12, 13, 03 or 05)")]
    Empty,
    /// An unsupported watermark byte.
    #[error(
        "watermark byte {byte:02x} is not supported; expected 11 (block), 12 (preattestation), 13 (attestation), \
         03 (operation) or 05 (packed data)"
    )]
    UnknownWatermark {
        /// The byte.
        byte: u8,
    },
    /// The payload ends within a field.
    #[error("{field} needs {needed} bytes, but only {left} remain")]
    Truncated {
        /// The field.
        field: &'static str,
        /// Its length in bytes.
        needed: usize,
        /// The remaining bytes.
        left: usize,
    },
    /// Bytes after the end.
    #[error("unexpected data after the end of {of} (bytes: {count})")]
    TrailingBytes {
        /// The number of bytes.
        count: usize,
        /// The element that ended.
        of: &'static str,
    },
    /// A field over its maximum length.
    #[error("{field} has {length} bytes, at most {limit} are possible")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// Its maximum length in bytes.
        limit: usize,
    },
    /// A negative level or round.
    #[error("{field} is {value}, which is negative")]
    Negative {
        /// The field.
        field: &'static str,
        /// Its value.
        value: i32,
    },
    /// A field with another value than the expected one.
    #[error("{field} is {found}, expected {expected}")]
    Unexpected {
        /// The field.
        field: &'static str,
        /// Its value.
        found: i64,
        /// The expected value, in words.
        expected: &'static str,
    },
    /// The levels of fitness and header differ.
    #[error("the fitness has level {fitness}, but the header has level {header}")]
    LevelsDiffer {
        /// The level of the fitness.
        fitness: NonNegative,
        /// The level of the header.
        header: NonNegative,
    },
    /// An unknown tag.
    #[error("{tag} is not a tag of {of}")]
    UnknownTag {
        /// The tag.
        tag: u8,
        /// The expected element.
        of: &'static str,
    },
    /// A content tag that does not match the watermark byte.
    #[error("content tag {tag} is not one of {}: {}", .kind.with_article(), expected_vote_tags(*.kind))]
    TagOfOtherKind {
        /// The tag.
        tag: u8,
        /// The kind of the watermark byte.
        kind: Kind,
    },
    /// A vote in the form for keys of another curve.
    #[error("content tag {tag} is not for {} keys: 40 and 41 are for tz4, 20, 21 and 23 for tz1, tz2 and tz3", .curve.address_prefix())]
    TagOfOtherCurve {
        /// The tag.
        tag: u8,
        /// The curve of the requested key.
        curve: Curve,
    },
    /// A consensus operation behind the watermark byte of other operations.
    #[error("content tag {tag} is a consensus operation, which watermark byte 03 cannot carry")]
    ConsensusContent {
        /// The tag.
        tag: u8,
    },
    /// An operation kind that no protocol accepts today, or that this signer does not support.
    #[error("content tag {tag} ({name}) is not supported: {reason}")]
    UnsupportedContent {
        /// The tag.
        tag: u8,
        /// The kind.
        name: &'static str,
        /// The reason.
        reason: &'static str,
    },
    /// A batch that contains an operation that cannot be batched.
    #[error("{name} cannot be part of a batch")]
    NotBatchable {
        /// The kind's name.
        name: &'static str,
    },
    /// No contents after the branch.
    #[error("no contents after the branch")]
    NoContents,
    /// A variable-length number without an end, or longer than its type.
    #[error("{field} does not end within {limit} bytes")]
    EndlessNumber {
        /// The field.
        field: &'static str,
        /// The maximum number of bytes.
        limit: usize,
    },
    /// A variable-length number with a redundant last byte.
    #[error("{field} ends with a redundant zero byte")]
    OverlongNumber {
        /// The field.
        field: &'static str,
    },
    /// A number of mutez that does not fit 63 bits.
    #[error("{field} is larger than any amount of mutez")]
    NumberTooLarge {
        /// The field.
        field: &'static str,
    },
    /// A text with an invalid character.
    #[error("{field} has the invalid byte {byte:02x}")]
    InvalidText {
        /// The field.
        field: &'static str,
        /// The first such byte.
        byte: u8,
    },
}

fn expected_vote_tags(kind: Kind) -> &'static str {
    match kind {
        Kind::Preattestation => "20 and 40 are",
        _ => "21, 23 and 41 are",
    }
}
