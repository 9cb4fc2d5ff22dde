//! What the bytes of a request and the rules of its key decide, before any binding, head or mark. Pure.

use super::Refusal;
use super::policy::Rules;
use crate::tezos::payload::{NotUnderstood, Payload};
use crate::tezos::{BlsScheme, Curve, SignatureVersion};

/// A payload that was decoded, and that the client's signature version can carry a signature of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Understood {
    /// The payload.
    pub(super) payload: Payload,
    /// The scheme to sign with.
    pub(super) scheme: BlsScheme,
}

impl Understood {
    /// Decodes the bytes that a key of this curve is to sign for a client that reads this signature version.
    ///
    /// # Errors
    /// [`Refusal::VersionWithoutBls`] or [`Refusal::Payload`].
    pub(super) fn decode(bytes: &[u8], curve: Curve, version: SignatureVersion) -> Result<Self, Refusal> {
        let scheme = version.scheme(curve).ok_or(Refusal::VersionWithoutBls)?;
        let payload =
            Payload::decode(bytes, curve).map_err(|error| Refusal::Payload(NotUnderstood::new(error, bytes)))?;
        Ok(Self { payload, scheme })
    }

    /// Checks that the key may sign the payload.
    ///
    /// # Errors
    /// [`Refusal::Policy`].
    pub(super) fn allowed_by(&self, rules: &Rules) -> Result<(), Refusal> {
        rules.allow(&self.payload).map_err(Refusal::Policy)
    }
}
