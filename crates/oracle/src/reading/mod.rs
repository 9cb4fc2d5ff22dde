//! Decodes payloads, and locates the error in malformed ones.

mod consensus;
mod cursor;
mod layout;
mod operations;

pub use consensus::Slot;
pub use cursor::Field;

use crate::crypto::Curve;
use crate::payload::consensus::Kind;
use cursor::Cursor;
use serde::{Deserialize, Serialize};

/// The contents of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decoded {
    /// Watermark bytes 0x11, 0x12 and 0x13.
    Consensus {
        /// `block`, `preattestation` or `attestation`: each has its own high watermark.
        kind: Kind,
        /// Chain id, `Net…`.
        chain: String,
        /// Level.
        level: u32,
        /// Round.
        round: u32,
    },
    /// Watermark byte 0x03.
    Operations {
        /// Branch, `B…`.
        branch: String,
        /// Contents, in order.
        contents: Vec<Content>,
    },
    /// Watermark byte 0x05: not decoded further.
    PackedData {},
}

/// What a policy can decide on. Fields that a kind does not have are omitted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Octez's name, extended where necessary: `transaction:stake`, `ballot:yay`.
    pub kind: String,
    /// The payer or voter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Fee, in mutez.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<u64>,
    /// Amount that leaves the source, in mutez.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// Recipient of tez or tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Entrypoint that is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<String>,
}

/// What is malformed, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Malformed {
    /// One of the names explained in the conformance suite's `schema/decode.schema.json`.
    pub problem: String,
    /// Offset of the malformed field, from the watermark byte.
    pub at: usize,
}

/// A decoded payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Its contents.
    pub decoded: Decoded,
    /// The fields that determine the position of others, with their offsets: targets for hostile changes.
    pub fields: Vec<(usize, Field)>,
}

/// Decodes a payload for a key of this curve.
///
/// # Errors
/// The first error.
pub fn read(payload: &[u8], curve: Curve) -> Result<Reading, Malformed> {
    let mut cursor = Cursor::new(payload);
    let decoded = match payload.first() {
        None => return Err(cursor.wrong("empty")),
        Some(0x11..=0x13) => {
            let Slot { kind, chain, level, round } = consensus::read(&mut cursor, curve)?;
            Decoded::Consensus { kind, chain: crate::base58::CHAIN.encode(&chain), level, round }
        }
        Some(0x03) => operations::read(&mut cursor)?,
        Some(0x05) => {
            cursor.take(1)?;
            cursor.take(1)?;
            Decoded::PackedData {}
        }
        Some(_) => return Err(cursor.wrong("unknown_watermark")),
    };
    Ok(Reading { decoded, fields: cursor.into_fields() })
}
