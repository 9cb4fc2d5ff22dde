use super::super::Curve;
use super::operations::OutdatedForm;
use super::{Kind, NonNegative};
use std::fmt;
use thiserror::Error;

/// Why a payload is refused, and what is probably wrong with the client that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood {
    /// What the decoder made of it.
    pub error: DecodeError,
    /// What it is if the client is an old one.
    pub outdated: Option<OutdatedForm>,
}

impl NotUnderstood {
    /// Looks for a probable cause of an error in this payload.
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

/// Why a payload is not signed: it is not one, or not one that is understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("byte {offset}: {reason}")]
pub struct DecodeError {
    /// The offset of the byte that is wrong, from the start of the payload; the watermark byte is byte 0.
    pub offset: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a byte of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    /// No bytes at all.
    #[error("the payload is empty, expected a watermark byte (11, 12, 13, 03 or 05)")]
    Empty,
    /// A watermark byte that is not signed.
    #[error(
        "watermark byte {byte:02x} is not signed here: 11 (block), 12 (preattestation), 13 (attestation), \
         03 (operation) and 05 (packed data) are"
    )]
    UnknownWatermark {
        /// The byte.
        byte: u8,
    },
    /// The payload ends within a field.
    #[error("{field} needs {needed} bytes, {left} are left")]
    Truncated {
        /// The field.
        field: &'static str,
        /// Its length.
        needed: usize,
        /// How many bytes are left for it.
        left: usize,
    },
    /// Bytes after the end.
    #[error("{count} bytes after the end of {of}")]
    TrailingBytes {
        /// How many.
        count: usize,
        /// After the end of what.
        of: &'static str,
    },
    /// A field that is longer than it can be.
    #[error("{field} has {length} bytes, at most {limit} are possible")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length.
        length: usize,
        /// The limit.
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
    /// A field that must have one value has another.
    #[error("{field} is {found}, expected {expected}")]
    Unexpected {
        /// The field.
        field: &'static str,
        /// Its value.
        found: i64,
        /// What it must be.
        expected: &'static str,
    },
    /// The level of the fitness is not that of the header.
    #[error("the fitness says level {fitness}, the header level {header}")]
    LevelsDiffer {
        /// The level of the fitness.
        fitness: NonNegative,
        /// The level of the header.
        header: NonNegative,
    },
    /// A tag that stands for nothing.
    #[error("{tag} is not a tag of {of}")]
    UnknownTag {
        /// The tag.
        tag: u8,
        /// What was expected there.
        of: &'static str,
    },
    /// A content tag that does not go with the watermark byte.
    #[error("content tag {tag} is not one of {}: {}", .kind.with_article(), expected_vote_tags(*.kind))]
    TagOfOtherKind {
        /// The tag.
        tag: u8,
        /// The kind that the watermark byte says.
        kind: Kind,
    },
    /// A vote in the form that keys of another curve sign.
    #[error("content tag {tag} is not signed by {} keys: 40 and 41 are for tz4, 20, 21 and 23 for tz1, tz2 and tz3", .curve.address_prefix())]
    TagOfOtherCurve {
        /// The tag.
        tag: u8,
        /// The curve of the key that was asked.
        curve: Curve,
    },
    /// A consensus operation behind the watermark byte of other operations.
    #[error("content tag {tag} is a consensus operation, which watermark byte 03 does not sign")]
    ConsensusContent {
        /// The tag.
        tag: u8,
    },
    /// An operation kind that no protocol accepts today, or that is not understood here.
    #[error("content tag {tag} ({name}) is not signed here: {why}")]
    UnsupportedContent {
        /// The tag.
        tag: u8,
        /// The kind.
        name: &'static str,
        /// Why not.
        why: &'static str,
    },
    /// A batch of operations that may not be batched.
    #[error("{name} stands alone, it cannot be one of several contents")]
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
        /// The most bytes that it may take.
        limit: usize,
    },
    /// A variable-length number with a superfluous last byte.
    #[error("{field} ends with a superfluous zero byte")]
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
    /// A text with characters that it cannot have.
    #[error("{field} holds byte {byte:02x}, which it cannot")]
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
