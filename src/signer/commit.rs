//! Commit and sign: the mark store and the vault, the only things that a request waits for.

use super::repeats::{Identity, Repeats};
use super::{Failure, NotSigned, Refusal};
use crate::marks::{Ledger, NotRecorded, Request};
use crate::net::retry::{Again, GaveUp, persist};
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
///   if the mark is refused, it is dropped unseen. A repeat of the last vote that was released is answered with the same
///   signature, once the store has confirmed it.
/// * A block: the vault signs, then mark and signature are written together. The signature that leaves is the one that
///   the store holds, whoever made it: a second one over the same header would be another block.
pub(super) async fn commit_and_sign(
    ledger: &Ledger,
    repeats: &Repeats,
    request: &Request,
    identity: Identity,
    signing: Signing<'_>,
) -> Result<Signature, NotSigned> {
    if let Some(not_safe) = ledger.foresee_refusal(request) {
        return Err(not_safe.into());
    }
    if request.id.kind == Kind::Block {
        let mut made = None;
        let sign = async || {
            repeats.before_call(&request.id, identity, signing.deadline).await;
            let signature = signing.sign_and_verify().await?;
            made = Some(signature);
            Ok::<_, NotSigned>(signature)
        };
        let signature = ledger.record_block(request, signing.deadline, sign).await?;
        if made != Some(signature) {
            // Made by whichever process, under whichever version, perhaps imported: so it is verified too.
            verify(&signing.key.public_key, signing.payload, signing.scheme, &signature)
                .await?
                .map_err(|_| Refusal::StoredSignatureInvalid)?;
        }
        return Ok(signature);
    }
    if let Some(signature) = repeats.signature_of(&request.id, &identity) {
        return Ok(ledger.record_vote(request, signing.deadline).await?.release_vote(signature));
    }
    repeats.before_call(&request.id, identity, signing.deadline).await;
    // The vault is asked first: mostly it is the slower of the two.
    let record = async { ledger.record_vote(request, signing.deadline).await.map_err(NotSigned::from) };
    // A write that has begun is seen to its end, also when the vault has failed meanwhile. A mark that is refused ends both.
    let sign = async { Ok(signing.sign_and_verify().await) };
    let (signature, recorded) = tokio::try_join!(sign, record)?;
    let signature = recorded.release_vote(signature?);
    repeats.released(&request.id, &identity, signature);
    Ok(signature)
}

impl Signing<'_> {
    /// Signs and verifies what the vault returned, with as many calls as it takes, until the deadline.
    pub(super) async fn sign_and_verify(&self) -> Result<Signature, NotSigned> {
        let call = || async {
            let signature = self.vault.sign(self.key, self.payload, self.scheme).await?;
            verify(&self.key.public_key, self.payload, self.scheme, &signature).await??;
            Ok(signature)
        };
        persist(self.deadline, self.vault.late_after(), call, SigningError::again).await.map_err(
            |gave_up| match gave_up {
                GaveUp::Deadline(None) => VaultError::deadline(None).into(),
                GaveUp::Deadline(Some(SigningError::Vault(error))) => VaultError::deadline(Some(&error)).into(),
                GaveUp::Final(trouble) | GaveUp::Deadline(Some(trouble)) => trouble.into(),
            },
        )
    }
}

/// Why one call did not give a signature.
enum SigningError {
    Vault(VaultError),
    Wrong(WrongSignature),
    Internal(Failure),
}

impl SigningError {
    const fn again(&self) -> Again {
        match self {
            Self::Vault(error) => error.again(),
            Self::Wrong(_) => Again::Yes(None),
            Self::Internal(_) => Again::No,
        }
    }
}

impl From<VaultError> for SigningError {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

impl From<WrongSignature> for SigningError {
    fn from(wrong: WrongSignature) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<Failure> for SigningError {
    fn from(failure: Failure) -> Self {
        Self::Internal(failure)
    }
}

impl From<SigningError> for NotSigned {
    fn from(trouble: SigningError) -> Self {
        match trouble {
            SigningError::Vault(error) => error.into(),
            SigningError::Wrong(wrong) => wrong.into(),
            SigningError::Internal(failure) => failure.into(),
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
        .map_err(|error| Failure::task_failed(&error))
}

impl From<NotRecorded> for NotSigned {
    fn from(not_recorded: NotRecorded) -> Self {
        match not_recorded {
            NotRecorded::NotSafe(not_safe) => not_safe.into(),
            NotRecorded::Store(error) => error.into(),
            NotRecorded::Lost(lost) => lost.into(),
            NotRecorded::TooManyChains { limit } => Failure::TooManyChains { limit }.into(),
        }
    }
}
