//! What a request of the baker can be answered with.

use super::reply::Reply;
use crate::tezos::Signature;

/// The answer to a request.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// A verified signature.
    Signed(Signed),
    /// A signer's own error, which is passed on unchanged.
    Passed(Passed),
    /// There is no answer of a signer.
    Failed {
        /// Why, with the upstreams' names.
        reason: String,
    },
}

/// A verified signature, and whose reply it is from.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) signature: Signature,
    /// The companion key's signature of the same payload, verified too.
    pub(super) companion: Option<Signature>,
    pub(super) upstream: usize,
}

/// A signer's error.
#[derive(Debug, Clone)]
pub(super) struct Passed {
    pub(super) reply: Reply,
    pub(super) upstream: usize,
}
