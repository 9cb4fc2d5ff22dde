use super::{Consequence, Feature, Verdict};
use crate::crypto::Curve;
use crate::hexadecimal::Hex;
use serde::{Deserialize, Serialize};

/// A payload, and what it says or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecodeCase {
    /// The id.
    pub id: String,
    /// Why the case exists.
    pub why: String,
    /// What a difference costs at most.
    pub consequence: Consequence,
    /// What a signer must have for the case to say something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
    /// The payload.
    pub payload: Hex,
    /// BLAKE2b-256 of the payload: what tz1, tz2 and tz3 keys sign.
    pub digest: Hex,
    /// The curve of the key that is asked: tz4 keys sign other votes than the rest.
    pub curve: Curve,
    /// What a decoder must find.
    pub expected: Expected,
    /// The key that a signer is asked with; its policy allows what the payload is, if it is anything.
    pub key: String,
    /// A signer is asked with a fresh chain id written over bytes 1 to 4: that a mark is left behind does no harm.
    pub fresh_chain: bool,
    /// What must come.
    pub verdict: Verdict,
    /// The status that is recommended.
    pub status: u16,
}

/// What a decoder must find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// It is understood.
    Decoded(Decoded),
    /// It is not, and must not be signed.
    Malformed(Malformed),
}

/// What a payload says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decoded {
    /// 0x11, 0x12, 0x13.
    Consensus {
        /// `block`, `preattestation` or `attestation`: what a high watermark is kept for.
        kind: crate::payload::consensus::Kind,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Octez's name. Staking and ballots are told apart: `transaction:stake`, `ballot:yay`.
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
    /// One of the names that `schema/decode.schema.json` explains.
    pub problem: String,
    /// The offset of the field that is wrong, from the watermark byte.
    pub at: usize,
}
