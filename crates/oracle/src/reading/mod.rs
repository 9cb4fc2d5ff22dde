//! Reads payloads: what they say, or what is wrong with them at which byte.

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

/// What a payload says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decoded {
    /// 0x11, 0x12, 0x13.
    Consensus {
        /// `block`, `preattestation` or `attestation`: what a high watermark is kept for.
        kind: Kind,
        /// `Net…`.
        chain: String,
        /// The level.
        level: u32,
        /// The round.
        round: u32,
    },
    /// 0x03.
    Operations {
        /// `B…`.
        branch: String,
        /// In their order.
        contents: Vec<Content>,
    },
    /// 0x05: not looked into.
    PackedData {},
}

/// What a policy can decide on. What a kind does not have is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Octez's name, extended where it matters: `transaction:stake`, `ballot:yay`.
    pub kind: String,
    /// Who pays, or votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// In mutez.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<u64>,
    /// What leaves the source, in mutez.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// Where tez or tickets go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// What is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<String>,
}

/// What is wrong with a payload, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Malformed {
    /// One of the names that the conformance suite's `schema/decode.schema.json` explains.
    pub problem: String,
    /// The offset of the field that is wrong, from the watermark byte.
    pub at: usize,
}

/// A payload, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it says.
    pub decoded: Decoded,
    /// The fields that decide where others begin, with their offsets: those that a hostile client would lie in.
    pub fields: Vec<(usize, Field)>,
}

/// Reads a payload that a key of this curve is to sign.
///
/// # Errors
/// The first thing that is wrong.
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
