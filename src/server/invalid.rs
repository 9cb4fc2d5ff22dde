use super::MAX_BODY_BYTES;
use crate::signer::InvalidVersion;
use crate::tezos::base58check::Base58CheckError;
use crate::tezos::{InvalidPublicKey, PublicKeyHash};
use axum::http::StatusCode;
use std::time::Duration;
use thiserror::Error;

/// A request that is wrong in itself, whatever the signer holds and whatever state its services are in. Never a failure: the
/// same request would be wrong anywhere, at any time.
#[derive(Debug, Error)]
pub(super) enum InvalidRequest {
    /// No such path.
    #[error(
        "unknown route: there are /keys, /keys/{{public key hash}}, /authorized_keys, /known_keys, \
         /bls_prove_possession/{{public key hash}} and /health"
    )]
    Route,
    /// No such path, and it ends with a key.
    #[error(
        "unknown route: GET /keys/{0} gives its public key, and POST /keys/{0} signs with it; octez-client adds /keys by itself"
    )]
    RouteOfKey(PublicKeyHash),
    /// No such method there.
    #[error("this route does not take this method")]
    Method,
    /// The Functions host's description of a request, instead of the request.
    #[error(
        "the Functions host sent its own envelope instead of the client's request, so nothing can be signed: it does not know \
         enableProxyingHttpRequest in host.json. Use a newer host: in Azure FUNCTIONS_EXTENSION_VERSION=~4, on a laptop the newest \
         Azure Functions Core Tools (func)"
    )]
    HostEnvelope(StatusCode),
    /// The operator has not allowed this route.
    #[error("listing known keys is not allowed: ALLOW_LIST_KNOWN_KEYS=true allows it")]
    KnownKeys,
    /// It comes from a page in a browser.
    #[error("requests of web pages (with an Origin header) are not signed")]
    WebPage,
    /// The path is no text.
    #[error("the path is not understood: {0}")]
    Path(String),
    /// The path names something else than a key.
    #[error("{shown:?} is not a public key hash: {why}")]
    NotAHash {
        /// The beginning of it.
        shown: String,
        /// What is wrong.
        why: Base58CheckError,
    },
    /// The query is not a list of arguments, each given once.
    #[error("the query cannot be read: {0}")]
    Query(String),
    /// The argument `version`.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    /// The argument `bls_pk` is no public key.
    #[error("bls_pk: {0}")]
    NotAPublicKey(InvalidPublicKey),
    /// The client did not send the body in time.
    #[error("the body did not arrive within {} ms (REQUEST_DEADLINE_MS)", .0.as_millis())]
    BodyLate(Duration),
    /// The client sent too much.
    #[error("the body is longer than {MAX_BODY_BYTES} bytes")]
    BodyTooLong,
    /// The client ended the body too early, or sent malformed chunks.
    #[error("the body did not arrive in full: {0}")]
    BodyIncomplete(&'static str),
    /// The body is no payload.
    #[error("the body is not a payload: {0}")]
    NotAPayload(String),
}

impl InvalidRequest {
    pub(super) const fn status(&self) -> StatusCode {
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
