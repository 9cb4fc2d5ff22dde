use super::{Consequence, Sign};
use crate::crypto::{Curve, Scheme};
use crate::hexadecimal::Hex;
use serde::{Deserialize, Serialize};

/// A signature that Tezos takes, or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureCase {
    /// The id.
    pub id: String,
    /// Why the case exists.
    pub why: String,
    /// What a difference costs at most.
    pub consequence: Consequence,
    /// The curve of the key.
    pub curve: Curve,
    /// The key that should have signed.
    pub public_key: String,
    /// What should have been signed, watermark byte first. For proofs of possession: the bytes of a public key.
    pub payload: Hex,
    /// What the signature is of, for tz4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// The signature.
    pub signature: String,
    /// Whether Tezos takes it.
    pub valid: bool,
    /// Why not, or `high_s` for a P-256 signature that is taken all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<WhyInvalid>,
    /// The same as a request: the signature authenticates it. A signer must be given the client's public keys for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Sign>,
}

/// What is the matter with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyInvalid {
    /// The text has a wrong checksum, prefix or length.
    Text,
    /// The text is a signature of another curve.
    OtherCurve,
    /// r or s is zero or not below the order, or the bytes are no point.
    OutOfRange,
    /// s is in the upper half.
    HighS,
    /// It is a signature of something else, or by another key.
    OtherPayload,
    /// It is of the other BLS scheme.
    OtherScheme,
}
