//! Invalid requests, and the status of each.

use super::MAX_BODY_BYTES;
use crate::text::NotUtf8;
use crate::tezos::base58check::Base58CheckError;
use crate::tezos::{InvalidPublicKey, InvalidVersion, PublicKeyHash};
use axum::http::StatusCode;
use std::time::Duration;
use thiserror::Error;

/// A request that is invalid in itself, independent of the signer's keys and the state of its services. Never a failure: the same
/// request would be invalid anywhere, at any time.
#[derive(Debug, Error)]
pub(crate) enum InvalidRequest {
    /// No such path.
    #[error(
        "unknown route: expected /keys, /keys/{{public key hash}}, /authorized_keys, /known_keys, \
         /bls_prove_possession/{{public key hash}} or /health"
    )]
    Route,
    /// No such path, and it ends with a public key hash.
    #[error(
        "unknown route: GET /keys/{0} returns the public key, and POST /keys/{0} signs with it; octez-client adds /keys by itself"
    )]
    RouteOfKey(PublicKeyHash),
    /// The route has no such method.
    #[error("this route does not support this method")]
    Method,
    /// The Functions host's description of a request instead of the request.
    #[error(
        "the Functions host sent its own envelope instead of the client's request, so nothing can be signed: it does not support \
         enableProxyingHttpRequest in host.json. Use a newer host: in Azure FUNCTIONS_EXTENSION_VERSION=~4, on a laptop the newest \
         Azure Functions Core Tools (func)"
    )]
    HostEnvelope(StatusCode),
    /// The operator has not allowed this route.
    #[error("listing known keys is not allowed; set ALLOW_LIST_KNOWN_KEYS=true to allow it")]
    KnownKeys,
    /// A web page sent it.
    #[error("requests from web pages (with an Origin header) are not signed")]
    WebPage,
    /// The path is not text.
    #[error("invalid path: {0}")]
    Path(String),
    /// The path does not end with a public key hash.
    #[error("{shown:?} is not a public key hash: {why}")]
    NotAHash {
        /// Its first characters.
        shown: String,
        /// The reason.
        why: Base58CheckError,
    },
    /// The query is not a list of arguments, each at most once.
    #[error("invalid query: {0}")]
    Query(String),
    /// `version` is not a signature version.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    /// `bls_pk` is not a public key.
    #[error("bls_pk: {0}")]
    NotAPublicKey(InvalidPublicKey),
    /// The client did not send the body in time.
    #[error("the body did not arrive within {} ms (REQUEST_DEADLINE_MS)", .0.as_millis())]
    BodyLate(Duration),
    /// The body exceeds the limit.
    #[error("the body is longer than {MAX_BODY_BYTES} bytes")]
    BodyTooLong,
    /// The body ended early, or its chunks are malformed.
    #[error("the body did not arrive in full: {0}")]
    BodyIncomplete(&'static str),
    /// The body is not a payload.
    #[error("the body is not a payload: {0}")]
    NotAPayload(#[from] InvalidPayload),
}

/// Why a body is not a payload: a JSON string of hexadecimal digits. Positions count characters, from 0.
#[derive(Debug, Error)]
pub(crate) enum InvalidPayload {
    #[error("expected a JSON string of hexadecimal digits, such as \"03…\" ({0})")]
    NotText(#[from] NotUtf8),
    #[error("expected a JSON string of hexadecimal digits, such as \"03…\" ({0})")]
    NotJson(#[from] serde_json::Error),
    #[error("{found:?} at position {position} is not a hexadecimal digit{hint}")]
    NotADigit { found: char, position: usize, hint: &'static str },
    #[error("an odd number of hexadecimal digits ({digits}); a byte is two digits")]
    OddDigits { digits: usize },
}

impl InvalidRequest {
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::Route | Self::RouteOfKey(_) | Self::Path(_) | Self::NotAHash { .. } => StatusCode::NOT_FOUND,
            Self::HostEnvelope(status) => *status,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::KnownKeys | Self::WebPage => StatusCode::FORBIDDEN,
            Self::BodyLate(_) => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Query(_)
            | Self::Version(_)
            | Self::NotAPublicKey(_)
            | Self::BodyIncomplete(_)
            | Self::NotAPayload(_) => StatusCode::BAD_REQUEST,
        }
    }
}
