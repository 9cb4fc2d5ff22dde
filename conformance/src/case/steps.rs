use super::{Consequence, Feature};
use crate::hexadecimal::Hex;
use serde::{Deserialize, Serialize};

/// A case of one or more requests, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepsCase {
    /// The id.
    pub id: String,
    /// Why the case exists.
    pub why: String,
    /// What a difference costs at most.
    pub consequence: Consequence,
    /// What a signer must have for the case to say something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
    /// What the case needs beside one signer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// The requests, in their order.
    pub steps: Vec<Step>,
}

/// What a case may need beside one signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// That the signer can be restarted.
    Restart,
    /// A second instance on the same store of high watermarks.
    Second,
    /// An instance that answers authenticated requests only.
    Authenticated,
}

/// Which instance is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instance {
    /// The signer.
    #[default]
    First,
    /// The one on the same store.
    Second,
    /// The one that wants authentication.
    Authenticated,
}

/// Whether a signature is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Status 200, one field, a valid signature.
    Signed,
    /// Any status that says no.
    Refused,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Ask for a signature.
    Sign(Sign),
    /// Ask for a proof of possession.
    Prove(Prove),
    /// Ask for signatures at one time.
    Together(Together),
    /// Restart the signer: it forgets all but what it has stored.
    Restart(Empty),
}

/// Nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// A request to sign, and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// The name of the key.
    pub key: String,
    /// The payload. If there is a `chain`, bytes 1 to 4 are written over.
    pub payload: Hex,
    /// Stands for a chain id that is drawn anew for every case and run: the same for the same letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<char>,
    /// The instance.
    #[serde(default, skip_serializing_if = "is_first")]
    pub at: Instance,
    /// The query argument `version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The query argument `authentication`, as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<String>,
    /// What must come.
    pub verdict: Verdict,
    /// The status that is recommended.
    pub status: u16,
    /// The number of the step (from 1) whose signature must be returned to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_signature_as: Option<usize>,
}

/// A request for a proof of possession, and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prove {
    /// The name of the key.
    pub key: String,
    /// The query argument `bls_pk`: the key that it shall be about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// What must come.
    pub verdict: Verdict,
    /// The status that is recommended.
    pub status: u16,
}

/// Requests at one time, each so many times. The verdict of each is that of the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Together {
    /// The requests. Their `verdict` is what it would be if each came alone.
    pub requests: Vec<Sign>,
    /// How often each is sent, all at one time.
    pub copies: usize,
    /// What must come.
    pub released: Released,
}

/// What may be released of requests that come at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Released {
    /// A signature to each.
    All,
    /// A signature to each, and all are one to the byte.
    AllTheSame,
    /// One payload is signed, for everybody who asks for it; the others are refused.
    OnePayload,
    /// The same, and all signatures of it are one to the byte.
    OneSignature,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_first(instance: &Instance) -> bool {
    matches!(instance, Instance::First)
}

impl StepsCase {
    /// All requests to sign, in their order.
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
