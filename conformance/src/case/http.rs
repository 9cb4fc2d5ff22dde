//! Cases of raw HTTP requests.

use super::{Consequence, Feature, Instance, Need};
use crate::hexadecimal::Hex;
use serde::{Deserialize, Serialize};

/// A case of raw HTTP requests and their expected answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpCase {
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
    /// How the requests share connections.
    #[serde(default, skip_serializing_if = "is_new")]
    pub connection: Connection,
    /// Requests, in order.
    pub requests: Vec<HttpRequest>,
}

/// How requests share connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// A connection for each request, like octez-client.
    #[default]
    New,
    /// One connection; each request waits for the previous answer.
    Kept,
    /// One connection; all requests are sent at once.
    Pipelined,
}

/// A request. In `path`, `{name}` stands for the public key hash of the key with that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// Method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers in addition to `host`, framing, and those from the runner's command line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Body, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// Framing of the body.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub framing: Framing,
    /// The instance that receives it.
    #[serde(default, skip_serializing_if = "is_first")]
    pub at: Instance,
    /// Expected answer.
    pub expect: Expectation,
}

/// A request body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Literal text. `{payload}` and `{PAYLOAD}` stand for the payload in lower-case and upper-case hexadecimal digits.
    Text {
        /// The text.
        text: String,
        /// The payload. A vote or a block gets a fresh chain id for the case in bytes 1 to 4.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payload: Option<Hex>,
    },
    /// Bytes that are not text.
    Bytes(Hex),
    /// A JSON string of this many zeros.
    Zeros(usize),
}

/// The framing of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// `content-length`.
    #[default]
    Length,
    /// `transfer-encoding: chunked` in chunks of 40 bytes. octez-client sends a single chunk.
    Chunked,
    /// `expect: 100-continue`: the body is sent after the signer's 100.
    Continue,
}

/// An expected answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Recommended status. It is required where the answer is `signature`, `public_key` or `json`.
    pub status: u16,
    /// The answer itself.
    pub answer: Answer,
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Exactly `{"signature": …}`, with a valid signature of the payload by the key with this name.
    Signature(String),
    /// Exactly `{"public_key": …}`, with the public key of the key with this name.
    PublicKey(String),
    /// Exactly this JSON.
    Json(serde_json::Value),
    /// Status 200, with any body.
    Success,
    /// A status other than 200, and no signature. Recommended: a list of octez errors.
    Errors,
    /// A status other than 200, with any body or none.
    NoSuccess,
    /// The recommended status and no body, as for `HEAD`.
    NoBody,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_new(connection: &Connection) -> bool {
    matches!(connection, Connection::New)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_plain(framing: &Framing) -> bool {
    matches!(framing, Framing::Length)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_first(instance: &Instance) -> bool {
    matches!(instance, Instance::First)
}
