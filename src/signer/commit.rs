//! Commit and sign: the mark store and the vault, the only services that a request waits for.

use super::repeats::{Repeats, RequestIdentity};
use super::trace::Trace;
use super::verify::{NotVerified, verify};
use super::{Failure, NotSigned, Refusal};
use crate::marks::{BlockRequest, Ledger, NotRecorded, Request, VoteOrBlock, WriteNote};
use crate::metrics::{RepeatSource, Stage};
use crate::net::retry::{Again, GaveUp, persist};
use crate::tezos::{BlsScheme, Signature, WrongSignature};
use crate::vault::{Key, Vault, VaultError};
use std::sync::OnceLock;
use tokio::time::Instant;

/// A payload, the key to sign it with, and the time allowed.
#[derive(Clone, Copy)]
pub(super) struct Signing<'a> {
    pub(super) vault: &'a dyn Vault,
    pub(super) key: &'a Key,
    pub(super) payload: &'a [u8],
    pub(super) scheme: BlsScheme,
    pub(super) deadline: Instant,
    pub(super) trace: &'a Trace,
}

/// Signs a block or a vote and records it, and returns the signature that may be released.
///
/// * A vote: the mark is written **while** the vault signs. The signature leaves this function only when both are done;
///   if the mark is refused, it is dropped unseen. A repeat of the last vote that was released is answered with the same
///   signature, once the store has confirmed it.
/// * A block: the vault signs, then mark and signature are written together. The signature that is released is the one in
///   the store, no matter which instance produced it: a second one over the same header would be another block.
pub(super) async fn commit_and_sign(
    ledger: &Ledger,
    repeats: &Repeats,
    request: &Request,
    identity: RequestIdentity,
    signing: Signing<'_>,
) -> Result<Signature, NotSigned> {
    if let Some(not_safe) = ledger.foresee_refusal(request) {
        return Err(not_safe.into());
    }
    let vote = match request.split() {
        VoteOrBlock::Block(block) => return commit_block(ledger, repeats, request, &block, identity, signing).await,
        VoteOrBlock::Vote(vote) => vote,
    };
    let trace = signing.trace;
    if let Some(signature) = repeats.signature_of(&request.id, &identity) {
        trace.repeats(RepeatSource::Memory);
        let _timer = trace.stages.start(Stage::Mark);
        return Ok(ledger.record_vote(&vote, signing.deadline).await?.release(signature));
    }
    repeats.before_call(&request.id, identity, signing.deadline).await;
    // The vault is called first: it is usually the slower of the two.
    let note = WriteNote::default();
    let record = async {
        let _timer = trace.stages.start(Stage::Mark);
        ledger.record_vote_noting(&vote, signing.deadline, &note).await.map_err(NotSigned::from)
    };
    // A write that has begun is completed even if the vault fails in the meantime. A refused mark ends both.
    let sign = async { Ok(signing.sign_and_verify().await) };
    let (signature, recorded) = tokio::try_join!(sign, record)?;
    let signature = recorded.release(signature?);
    trace.wrote(&note);
    if !note.has_written() {
        trace.repeats(RepeatSource::Store);
    }
    repeats.released(&request.id, &identity, signature);
    Ok(signature)
}

/// [`commit_and_sign`] for a block.
async fn commit_block(
    ledger: &Ledger,
    repeats: &Repeats,
    request: &Request,
    block: &BlockRequest,
    identity: RequestIdentity,
    signing: Signing<'_>,
) -> Result<Signature, NotSigned> {
    let produced = OnceLock::new();
    let sign = || async {
        repeats.before_call(&request.id, identity, signing.deadline).await;
        let signature = signing.sign_and_verify().await?;
        produced.get_or_init(|| signature);
        Ok::<_, NotSigned>(signature)
    };
    let timer = signing.trace.stages.start_excluding(Stage::Mark, &[Stage::Vault, Stage::Verify]);
    let note = WriteNote::default();
    let signature = ledger.record_block_noting(block, signing.deadline, &note, sign).await?;
    drop(timer);
    signing.trace.wrote(&note);
    if produced.get() != Some(&signature) {
        signing.trace.repeats(RepeatSource::Store);
        let _timer = signing.trace.stages.start(Stage::Verify);
        // Verified too: another process may have produced it for another signature version, or it may have been imported.
        let verified = verify(&signing.key.public_key, signing.payload, signing.scheme, &signature).await;
        verified.map_err(|error| match error {
            NotVerified::Wrong(_) => NotSigned::from(Refusal::StoredSignatureInvalid),
            NotVerified::Interrupted(failure) => failure.into(),
        })?;
    }
    Ok(signature)
}

impl Signing<'_> {
    /// Signs, and verifies what the vault returned. Retries until the deadline.
    pub(super) async fn sign_and_verify(&self) -> Result<Signature, NotSigned> {
        let _timer = self.trace.stages.start_excluding(Stage::Vault, &[Stage::Verify]);
        let call = || async {
            let signature = self.vault.sign(self.key, self.payload, self.scheme).await?;
            let _timer = self.trace.stages.start(Stage::Verify);
            verify(&self.key.public_key, self.payload, self.scheme, &signature).await?;
            Ok(signature)
        };
        persist(self.deadline, self.vault.late_after(), self.vault.calls(), call, SigningError::again).await.map_err(
            |gave_up| match gave_up {
                GaveUp::Deadline(None) => VaultError::deadline(None).into(),
                GaveUp::Deadline(Some(SigningError::Vault(error))) => VaultError::deadline(Some(&error)).into(),
                GaveUp::Final(error) | GaveUp::Deadline(Some(error)) => error.into(),
            },
        )
    }
}

/// Why one call to the vault produced no valid signature.
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

impl From<NotVerified> for SigningError {
    fn from(error: NotVerified) -> Self {
        match error {
            NotVerified::Wrong(wrong) => Self::Wrong(wrong),
            NotVerified::Interrupted(failure) => Self::Internal(failure),
        }
    }
}

impl From<SigningError> for NotSigned {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::Vault(error) => error.into(),
            SigningError::Wrong(wrong) => wrong.into(),
            SigningError::Internal(failure) => failure.into(),
        }
    }
}

impl From<NotRecorded> for NotSigned {
    fn from(not_recorded: NotRecorded) -> Self {
        match not_recorded {
            NotRecorded::NotSafe(not_safe) => not_safe.into(),
            NotRecorded::Store(error) => error.into(),
            NotRecorded::Lost(lost) => lost.into(),
            NotRecorded::TooManyChains(reason) => Failure::TooManyChains(reason).into(),
        }
    }
}
