use super::{Consequence, Feature, Verdict};
use crate::crypto::Curve;
use crate::hexadecimal::Hex;
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

/// The contents of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decoded {
    /// Watermark bytes 0x11, 0x12 and 0x13.
    Consensus {
        /// `block`, `preattestation` or `attestation`: each has its own high watermark.
        kind: crate::payload::consensus::Kind,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Octez's name. Staking operations and ballots have their own: `transaction:stake`, `ballot:yay`.
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
    /// One of the names explained in `schema/decode.schema.json`.
    pub problem: String,
    /// Offset of the malformed field, from the watermark byte.
    pub at: usize,
}
