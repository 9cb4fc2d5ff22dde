//! Verifies signatures, slow ones on a separate thread.

use super::Failure;
use crate::tezos::{BlsScheme, Curve, PublicKey, Signature, WrongSignature};
use thiserror::Error;

/// Why a signature was not verified.
#[derive(Debug, Error)]
pub(super) enum NotVerified {
    /// The signature is not valid for this key and payload.
    #[error(transparent)]
    Wrong(#[from] WrongSignature),
    /// The check did not complete.
    #[error(transparent)]
    Interrupted(Failure),
}

/// Verifies a signature. BLS takes milliseconds and runs on a blocking thread, so that it delays no other request.
///
/// # Errors
/// [`NotVerified`].
pub(super) async fn verify(
    key: &PublicKey,
    payload: &[u8],
    scheme: BlsScheme,
    signature: &Signature,
) -> Result<(), NotVerified> {
    if key.curve() != Curve::Bls {
        return Ok(key.verify(payload, scheme, signature)?);
    }
    let (key, payload, signature) = (key.clone(), payload.to_vec(), *signature);
    match tokio::task::spawn_blocking(move || key.verify(&payload, scheme, &signature)).await {
        Ok(verified) => Ok(verified?),
        Err(error) => Err(NotVerified::Interrupted(Failure::task_failed(&error))),
    }
}
