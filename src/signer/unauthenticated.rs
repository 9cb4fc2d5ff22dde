//! Why a request is not authenticated.

use crate::tezos::InvalidSignature;
use thiserror::Error;

/// Why a request does not count as sent by an authorized key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unauthenticated {
    /// The request has no `authentication` parameter.
    #[error(
        "missing authentication signature: sign the request with an authorized key and add authentication=<signature>, as octez does; \
         for a client that cannot, set \"require_authentication\": false for this key in the policy"
    )]
    Missing,
    /// `authentication` is not a signature.
    #[error("authentication is not a signature: {0}")]
    Unreadable(InvalidSignature),
    /// A well-formed signature by another key, or over another request.
    #[error("invalid authentication signature: no authorized key signed this request")]
    Wrong,
}
