//! Why a policy is invalid.

use crate::json::JsonError;
use crate::tezos::base58check::Base58CheckError;
use crate::tezos::payload::Kind;
use crate::tezos::payload::operations::UnknownOperationKind;
use thiserror::Error;

/// Why a policy is invalid: every problem in it, one per line.
#[derive(Debug, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct PolicyError(pub Vec<PolicyProblem>);

/// One problem in a policy. `at` is the path of the field, such as `keys.tz1….chains`.
#[derive(Debug, Error)]
pub enum PolicyProblem {
    /// Not JSON, an unknown field, or a value of the wrong type.
    #[error(transparent)]
    Json(JsonError),
    /// Another JSON value where an object is expected.
    #[error("{at}: expected a JSON object, such as {{\"kinds\": [\"block\"]}}")]
    NotAnObject {
        /// The path.
        at: String,
    },
    /// `null` for a field that is not a limit.
    #[error("{at}: null is not allowed here; {expected}")]
    Null {
        /// The path.
        at: String,
        /// A valid value, in words.
        expected: &'static str,
    },
    /// A name under `keys` that is not a public key hash.
    #[error("keys: '{name}' is not a public key hash: {reason}")]
    InvalidKey {
        /// The name.
        name: String,
        /// Why it cannot be decoded.
        reason: Base58CheckError,
    },
    /// An unknown consensus kind.
    #[error("{at}: '{name}' is not a kind; known are {}", Kind::ALL.map(Kind::name).join(", "))]
    UnknownKind {
        /// The path.
        at: String,
        /// The name.
        name: String,
    },
    /// An unknown operation kind.
    #[error("{at}: {unknown}; known are {}", .known.join(", "))]
    UnknownOperation {
        /// The path.
        at: String,
        /// The error, which contains the name.
        unknown: UnknownOperationKind,
        /// The valid names.
        known: Vec<&'static str>,
    },
    /// An invalid chain id or address.
    #[error("{at}: '{text}': {reason}; {expected}")]
    InvalidValue {
        /// The path.
        at: String,
        /// The value.
        text: String,
        /// Why it cannot be decoded.
        reason: Base58CheckError,
        /// A valid value, in words.
        expected: &'static str,
    },
}
