use super::{Consequence, Feature, Instance, Need};
use crate::hexadecimal::Hex;
use serde::{Deserialize, Serialize};

/// Raw HTTP requests and their answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpCase {
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
    /// How the requests share connections.
    #[serde(default, skip_serializing_if = "is_new")]
    pub connection: Connection,
    /// The requests, in their order.
    pub requests: Vec<HttpRequest>,
}

/// How requests share connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// One each, as octez-client.
    #[default]
    New,
    /// One for all; each waits for the answer before.
    Kept,
    /// One for all, sent at once.
    Pipelined,
}

/// A request. In `path`, `{name}` stands for the hash of the key of that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers beside `host`, those of the framing, and those of the runner's command line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// How the body is sent.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub framing: Framing,
    /// The instance.
    #[serde(default, skip_serializing_if = "is_first")]
    pub at: Instance,
    /// What must come.
    pub expect: Expectation,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// As it is. `{payload}` and `{PAYLOAD}` stand for the hexadecimal digits, lower and upper case, of the payload.
    Text {
        /// The text.
        text: String,
        /// The payload, with a chain id that is drawn anew for the case in bytes 1 to 4, if it is a vote or a block.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payload: Option<Hex>,
    },
    /// Bytes that are no text.
    Bytes(Hex),
    /// A JSON string of so many zeros.
    Zeros(usize),
}

/// How a body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// `content-length`.
    #[default]
    Length,
    /// `transfer-encoding: chunked` in chunks of 40 bytes, as octez-client in one.
    Chunked,
    /// `expect: 100-continue`: the body is sent once the signer asks for it.
    Continue,
}

/// What must come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The status that is recommended. Where the answer is `signature`, `public_key` or `json`, it is required.
    pub status: u16,
    /// The answer.
    pub answer: Answer,
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Exactly `{"signature": …}`, a valid signature of the payload by the key of this name.
    Signature(String),
    /// Exactly `{"public_key": …}`, of the key of this name.
    PublicKey(String),
    /// Exactly this JSON.
    Json(serde_json::Value),
    /// Status 200, whatever the body.
    Success,
    /// Not status 200, and no signature. Recommended: a list of octez errors.
    Errors,
    /// Not status 200, whatever the body: there may be none.
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
