//! Commit and sign: the mark store and the vault, the only things that a request waits for.

use super::{Failure, NotSigned, Refusal};
use crate::marks::{Ledger, NotRecorded, Request};
use crate::pauses::Pauses;
use crate::tezos::payload::Kind;
use crate::tezos::{BlsScheme, Curve, PublicKey, Signature, WrongSignature};
use crate::vault::{Key, Vault, VaultError};
use tokio::time::Instant;

/// What to sign, and with what.
#[derive(Clone, Copy)]
pub(super) struct Signing<'a> {
    pub(super) vault: &'a dyn Vault,
    pub(super) key: &'a Key,
    pub(super) payload: &'a [u8],
    pub(super) scheme: BlsScheme,
    pub(super) deadline: Instant,
}

/// Signs a block or a vote and records it, and returns the signature that may be released.
///
/// * A vote: the mark is written **while** the vault signs. The signature leaves this function only when both are done;
///   if the mark is refused, it is dropped unseen.
/// * A block: the vault signs, then mark and signature are written together. The signature that leaves is the one that
///   the store holds, whoever made it: a second one over the same header would be another block.
pub(super) async fn commit_and_sign(
    ledger: &Ledger,
    request: &Request,
    signing: Signing<'_>,
) -> Result<Signature, NotSigned> {
    if request.id.kind == Kind::Block {
        let mut made = None;
        let sign = async || {
            let signature = signing.sign_and_verify().await?;
            made = Some(signature);
            Ok::<_, NotSigned>(signature)
        };
        let signature = ledger.record_block(request, sign).await?;
        if made != Some(signature) {
            // Made by whichever process, under whichever version, perhaps imported: so it is verified too.
            verify(&signing.key.public_key, signing.payload, signing.scheme, &signature)
                .await?
                .map_err(|_| Refusal::StoredSignatureInvalid)?;
        }
        return Ok(signature);
    }
    // The vault is asked first: mostly it is the slower of the two.
    let record = async { ledger.record_vote(request).await.map_err(NotSigned::from) };
    // A write that has begun is seen to its end, also when the vault has failed meanwhile. A mark that is refused ends both.
    let sign = async { Ok(signing.sign_and_verify().await) };
    let (signature, recorded) = tokio::try_join!(sign, record)?;
    signature.map(|made| recorded.release_vote(made))
}

impl Signing<'_> {
    /// Signs, as often as it takes until the deadline, and verifies what the vault returned.
    pub(super) async fn sign_and_verify(&self) -> Result<Signature, NotSigned> {
        let signature = self.sign().await?;
        verify(&self.key.public_key, self.payload, self.scheme, &signature).await??;
        Ok(signature)
    }

    async fn sign(&self) -> Result<Signature, VaultError> {
        let mut pauses = Pauses::new();
        loop {
            let error = match self.vault.sign(self.key, self.payload, self.scheme).await {
                Err(error @ VaultError::Unavailable { .. }) => error,
                answer => return answer,
            };
            let VaultError::Unavailable { retry_after, .. } = error else { return Err(error) };
            let pause = pauses.next(retry_after);
            if Instant::now() + pause >= self.deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// Verifies a signature; BLS, which takes milliseconds, on a thread where it delays nobody else.
pub(super) async fn verify(
    key: &PublicKey,
    payload: &[u8],
    scheme: BlsScheme,
    signature: &Signature,
) -> Result<Result<(), WrongSignature>, Failure> {
    if key.curve() != Curve::Bls {
        return Ok(key.verify(payload, scheme, signature));
    }
    let (key, payload, signature) = (key.clone(), payload.to_vec(), *signature);
    tokio::task::spawn_blocking(move || key.verify(&payload, scheme, &signature))
        .await
        .map_err(|error| Failure::Internal(error.to_string()))
}

impl From<NotRecorded> for NotSigned {
    fn from(not_recorded: NotRecorded) -> Self {
        match not_recorded {
            NotRecorded::NotSafe(not_safe) => not_safe.into(),
            NotRecorded::Store(error) => error.into(),
        }
    }
}
