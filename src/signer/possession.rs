//! Proofs of possession by tz4 keys.

use super::sign::{milliseconds, outcome, verdict_of};
use super::{Failure, NotSigned, Refusal, Signer};
use crate::metrics::{FinishedRequest, RequestKind, StageTimes};
use crate::tezos::{BlsPublicKey, Curve, PublicKey, PublicKeyHash, Signature};
use tokio::time::Instant;
use tracing::{error, info, warn};

/// The `kind` of a proof of possession in logs.
const POSSESSION: &str = RequestKind::ProofOfPossession.name();

impl Signer {
    /// A proof of possession by a tz4 key, about itself or about another tz4 public key, if policy allows it.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub async fn prove_possession(
        &self,
        key: &PublicKeyHash,
        about: Option<&PublicKey>,
        deadline: Instant,
    ) -> Result<Signature, NotSigned> {
        let start = Instant::now();
        let prove = async {
            let key = self.keys.find(key, deadline).await?;
            self.policy.rules_of(&key.hash).allow_proof_of_possession()?;
            if key.curve() != Curve::Bls {
                return Err(Refusal::NoPossession { key: key.hash }.into());
            }
            let about = about.map(BlsPublicKey::try_from).transpose().map_err(Refusal::PossessionOf)?;
            let proof = self.keys.vault().prove_possession(&key, about.as_ref()).await?;
            key.public_key.verify_possession(about.as_ref(), &proof)?;
            Ok(proof)
        };
        let verdict: Result<Signature, NotSigned> =
            tokio::time::timeout_at(deadline, prove).await.unwrap_or_else(|_| Err(Failure::Deadline.into()));
        let took = start.elapsed();
        let ms = milliseconds(took);
        self.metrics.finished(
            &FinishedRequest {
                key: self.keys.has(key).then_some(*key),
                kind: RequestKind::ProofOfPossession,
                outcome: outcome(&verdict, None),
                cause: verdict.as_ref().err().map(NotSigned::cause),
                repeat: None,
                level: None,
                round: None,
                took,
            },
            &StageTimes::default(),
        );
        match &verdict {
            verdict if self.observes => {
                let not_signed = verdict.as_ref().err();
                info!(
                    event = "observed",
                    key = %key,
                    kind = POSSESSION,
                    verdict = verdict_of(verdict).name(),
                    cause = not_signed.map(|not_signed| not_signed.cause().name()),
                    reason = not_signed.map(NotSigned::log),
                    ms,
                    "observed"
                );
            }
            Ok(_) => info!(event = "signed", key = %key, kind = POSSESSION, verdict = "signed", ms, "signed"),
            Err(not_signed) => {
                let (cause, reason) = (not_signed.cause().name(), not_signed.log());
                match not_signed {
                    NotSigned::Refused(_) => {
                        warn!(event = "refused", key = %key, kind = POSSESSION, verdict = "refused", cause, reason, ms, "refused");
                    }
                    NotSigned::Failed(_) => {
                        error!(event = "failed", key = %key, kind = POSSESSION, verdict = "failed", cause, reason, ms, "failed");
                    }
                }
            }
        }
        self.release(verdict)
    }
}
