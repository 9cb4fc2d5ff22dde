//! Cases of payloads, valid and malformed.

use super::{Consequence, Feature, Verdict};
use crate::crypto::Curve;
use crate::hexadecimal::Hex;
use oracle::reading::{Decoded, Malformed};
use serde::{Deserialize, Serialize};

/// A payload, and what it decodes to, or where it is malformed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecodeCase {
    /// Case id.
    pub id: String,
    /// Why the case exists.
    pub why: String,
    /// The most that a difference can cost.
    pub consequence: Consequence,
    /// Features that a signer needs for the case to apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
    /// The payload.
    pub payload: Hex,
    /// BLAKE2b-256 of the payload, which is what tz1, tz2 and tz3 keys sign.
    pub digest: Hex,
    /// Curve of the key: tz4 keys sign votes in another format.
    pub curve: Curve,
    /// What a decoder must return.
    pub expected: Expected,
    /// Name of the key to sign with. Its policy permits the payload, if it is valid.
    pub key: String,
    /// The runner writes a fresh chain id over bytes 1 to 4, so a high watermark left behind does no harm.
    pub fresh_chain: bool,
    /// Whether a signature must be released.
    pub verdict: Verdict,
    /// Recommended status.
    pub status: u16,
}

/// What a decoder must return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// A valid payload.
    Decoded(Decoded),
    /// A malformed payload, which must not be signed.
    Malformed(Malformed),
}
