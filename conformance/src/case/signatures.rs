//! Cases of valid and invalid signatures.

use super::{Consequence, Sign};
use crate::crypto::{Curve, Scheme};
use crate::hexadecimal::Hex;
use serde::{Deserialize, Serialize};

/// A signature that Tezos accepts or rejects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureCase {
    /// Case id.
    pub id: String,
    /// Why the case exists.
    pub why: String,
    /// The most that a difference can cost.
    pub consequence: Consequence,
    /// Curve of the key.
    pub curve: Curve,
    /// The claimed signer.
    pub public_key: String,
    /// The claimed payload, watermark byte first. For proofs of possession: the bytes of a public key.
    pub payload: Hex,
    /// Signature scheme, for tz4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// The signature.
    pub signature: String,
    /// Whether Tezos accepts it.
    pub valid: bool,
    /// Why it is rejected, or `high_s` for a P-256 signature that is accepted nevertheless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<WhyInvalid>,
    /// The same as a request that the signature authenticates. The signer must have the client's public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Sign>,
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyInvalid {
    /// The text has a wrong checksum, prefix or length.
    Text,
    /// The text is a signature by another curve.
    OtherCurve,
    /// r or s is zero or not below the order, or the bytes are not a point.
    OutOfRange,
    /// s is in the upper half.
    HighS,
    /// It signs another payload, or is by another key.
    OtherPayload,
    /// It is in the other BLS scheme.
    OtherScheme,
}
