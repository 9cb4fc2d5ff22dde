//! Cases of requests in sequence.

use super::{Consequence, Feature};
use crate::hexadecimal::Hex;
use serde::{Deserialize, Serialize};

/// A case of one or more requests in sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepsCase {
    /// Case id.
    pub id: String,
    /// Why the case exists.
    pub why: String,
    /// The most that a difference can cost.
    pub consequence: Consequence,
    /// Features that a signer needs for the case to apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
    /// What the case needs in addition to a signer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// Steps, in order.
    pub steps: Vec<Step>,
}

/// What a case may need in addition to a signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A way to restart the signer.
    Restart,
    /// A second instance on the same high watermark store.
    Second,
    /// An instance that requires authentication.
    Authenticated,
}

/// The instance that receives a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instance {
    /// The signer.
    #[default]
    First,
    /// The second instance on the same store.
    Second,
    /// The instance that requires authentication.
    Authenticated,
}

/// Whether a signature is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Status 200 and a single field with a valid signature.
    Signed,
    /// Any status of refusal.
    Refused,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Request a signature.
    Sign(Sign),
    /// Request a proof of possession.
    Prove(Prove),
    /// Request signatures concurrently.
    Together(Together),
    /// Restart the signer: it loses everything that is not stored.
    Restart(Empty),
}

/// An object without fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// A sign request, and its expected outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// Name of the key.
    pub key: String,
    /// Payload. With a `chain`, bytes 1 to 4 are overwritten.
    pub payload: Hex,
    /// Stands for a chain id, drawn for every case and run; the same letter is the same chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<char>,
    /// The instance that receives it.
    #[serde(default, skip_serializing_if = "is_first")]
    pub at: Instance,
    /// Query argument `version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Query argument `authentication`, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<String>,
    /// Whether a signature must be released.
    pub verdict: Verdict,
    /// Recommended status.
    pub status: u16,
    /// Number of the step (from 1) whose signature must be returned, byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_signature_as: Option<usize>,
}

/// A request for a proof of possession, and its expected outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prove {
    /// Name of the key.
    pub key: String,
    /// Query argument `bls_pk`: the key that the proof is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Whether a proof must be released.
    pub verdict: Verdict,
    /// Recommended status.
    pub status: u16,
}

/// Concurrent requests, several copies of each. The step determines the verdict, not the requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Together {
    /// Requests. Each `verdict` is what it would be if the request were sent alone.
    pub requests: Vec<Sign>,
    /// Copies of each request, all sent concurrently.
    pub copies: usize,
    /// What must be released.
    pub released: Released,
}

/// What concurrent requests must release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Released {
    /// A signature for every copy.
    All,
    /// A signature for every copy, all identical.
    AllTheSame,
    /// Signatures of one payload, for every copy of it; the other payloads are refused.
    OnePayload,
    /// As for `one_payload`, and all signatures are identical.
    OneSignature,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_first(instance: &Instance) -> bool {
    matches!(instance, Instance::First)
}

impl StepsCase {
    /// All sign requests, in order.
    pub fn signs(&self) -> Vec<&Sign> {
        let mut signs = Vec::new();
        for step in &self.steps {
            match step {
                Step::Sign(sign) => signs.push(sign),
                Step::Together(together) => signs.extend(&together.requests),
                Step::Prove(_) | Step::Restart(_) => {}
            }
        }
        signs
    }
}
