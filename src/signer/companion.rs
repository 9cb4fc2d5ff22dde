//! The companion key, which also signs the attestations of a tz4 consensus key, in the same request.
//!
//! Octez combines both signatures, so a vote needs both. Its second request, for the same bytes, follows the answer to the first.
//! Here the order is the same: the companion key is not used before the consensus key's mark is recorded. Of two bakers with the
//! same keys and different votes, the one whose mark is refused never gets to the companion key, so they cannot win one key each.

use super::{NotSigned, SignRequest, Signer};
use crate::answer::Cause;
use crate::tezos::payload::{Kind, Payload, Vote};
use crate::tezos::{Curve, PublicKeyHash, Signature};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long the consensus key's signature waits for the companion key's.
const COMPANION_TIMEOUT: Duration = Duration::from_millis(200);

/// The companion key that is to sign the same payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    /// The key's hash.
    pub key: PublicKeyHash,
    /// The client's signature of a request for this key, if it sent one.
    pub authentication: Option<String>,
}

impl Signer {
    /// Signs as [`Signer::sign`] does, and then with the companion key, as if that had been requested after the answer.
    ///
    /// The second result is the companion key's signature, or the cause of its absence: the request is not an attestation by a tz4 key,
    /// signing took longer than 200 ms, or it was refused or failed. A signature that is late is still recorded, so a later
    /// request for it gets it.
    ///
    /// # Errors
    /// [`NotSigned`] if the consensus key did not sign. The companion key was then not used.
    pub async fn sign_with_companion(
        self: &Arc<Self>,
        request: &SignRequest,
        companion: Companion,
    ) -> Result<(Signature, Result<Signature, Cause>), NotSigned> {
        let verdict = self.decide(request).await;
        let companion = match &verdict {
            Ok(_) => self.sign_as_companion(request, companion).await,
            // It is not used.
            Err(not_signed) => Err(not_signed.cause()),
        };
        Ok((self.release(verdict)?, companion))
    }

    async fn sign_as_companion(
        self: &Arc<Self>,
        request: &SignRequest,
        companion: Companion,
    ) -> Result<Signature, Cause> {
        if companion.key == request.key {
            return Err(Cause::Request);
        }
        if !is_tz4_attestation(&request.payload) {
            return Err(Cause::Payload);
        }
        let Companion { key, authentication } = companion;
        let until = request.deadline.min(Instant::now() + COMPANION_TIMEOUT);
        let (signer, request) = (Arc::clone(self), SignRequest { key, authentication, ..request.clone() });
        // A separate task, since it continues after the timeout.
        let sign = tokio::spawn(async move { signer.decide(&request).await });
        match timeout_at(until, sign).await {
            Ok(Ok(verdict)) => verdict.map_err(|not_signed| not_signed.cause()),
            Ok(Err(_panicked)) => Err(Cause::Internal),
            Err(_late) => Err(Cause::Deadline),
        }
    }
}

fn is_tz4_attestation(payload: &[u8]) -> bool {
    matches!(Payload::decode(payload, Curve::Bls), Ok(Payload::Vote(Vote { kind: Kind::Attestation, .. })))
}
