//! [`Signer`]: takes a request through all steps, and logs a line for its verdict.

use super::admission::Understood;
use super::binding::{self, LoggedElsewhere};
use super::commit::{Signing, commit_and_sign};
use super::newer_versions::NewerVersions;
use super::observed::LastSigned;
use super::repeats::{Repeats, RequestIdentity};
use super::trace::Trace;
use super::{AuthorizedKeys, Failure, HeadRule, KeyRing, NotSigned, Policy, Refusal, SignRequest, purpose};
use crate::answer::Verdict;
use crate::chain::checkpoints;
use crate::marks::{Ledger, MarkId, Place, Request, ShortDigest, StoreIdentity};
use crate::metrics::{FinishedRequest, Metrics, Outcome, RepeatSource, RequestKind, Stage, StageTimes};
use crate::participation::Answers;
use crate::tezos::payload::{Consensus, Payload};
use crate::tezos::{Digest, PublicKey, PublicKeyHash, Signature};
use crate::traces::{RequestSpan, Tracer};
use crate::vault::{Key, VaultError};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::{error, info, warn};

/// Time reserved for the answer: calls to services end this long before a request's deadline.
const TIME_TO_ANSWER: Duration = Duration::from_millis(20);

/// Signs what may be signed, and returns the reason otherwise.
pub struct Signer {
    pub(super) keys: KeyRing,
    pub(super) ledger: Ledger,
    pub(super) policy: Policy,
    policy_digest: Digest,
    store_digest: Mutex<Option<(StoreIdentity, Digest)>>,
    pub(super) head: HeadRule,
    authorized_keys: AuthorizedKeys,
    repeats: Repeats,
    logged_elsewhere: LoggedElsewhere,
    newer_versions: NewerVersions,
    pub(super) last_signed: LastSigned,
    pub(super) metrics: Metrics,
    tracer: Tracer,
    pub(super) observes: bool,
    pub(super) answers: Answers,
}

impl Signer {
    /// A signer for the keys of a vault. `ledger` records the high watermarks, `policy` limits what each key signs, `head` limits
    /// levels, and `authorized_keys` are the clients that may send requests.
    pub fn new(keys: KeyRing, ledger: Ledger, policy: Policy, head: HeadRule, authorized_keys: AuthorizedKeys) -> Self {
        let policy_digest = policy.digest(!authorized_keys.is_empty());
        let (store_digest, repeats, logged_elsewhere, newer_versions, last_signed) = Default::default();
        Self {
            keys,
            ledger,
            policy,
            policy_digest,
            store_digest,
            head,
            authorized_keys,
            repeats,
            logged_elsewhere,
            newer_versions,
            last_signed,
            metrics: Metrics::off(),
            tracer: Tracer::off(),
            observes: false,
            answers: Answers::default(),
        }
    }

    /// Records each request there.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Records a span of each request to sign there.
    #[must_use]
    pub fn with_tracer(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// Takes a request from the client's bytes to a signature that may be released.
    ///
    /// Ends at the request's deadline. Logs one line for each verdict. An observer fails every request.
    ///
    /// # Errors
    /// [`NotSigned`]: refused, if it must not be signed; failed, if that is undecided or it could not be signed.
    pub async fn sign(&self, request: &SignRequest) -> Result<Signature, NotSigned> {
        self.release(self.decide(request).await)
    }

    /// The same before an observer withholds the verdict.
    pub(super) async fn decide(&self, request: &SignRequest) -> Result<Signature, NotSigned> {
        let start = Instant::now();
        let span = self.tracer.start("sign", request.parent);
        let is_recorded = span.as_ref().is_some_and(RequestSpan::is_recorded);
        let stages = if is_recorded { StageTimes::with_intervals(start.into_std()) } else { StageTimes::default() };
        let (mut facts, trace) = (Facts::default(), Trace::new(stages));
        let verdict = match tokio::time::timeout_at(request.deadline, self.try_sign(request, &mut facts, &trace)).await
        {
            Ok(verdict) => verdict,
            Err(_) => Err(Failure::Deadline.into()),
        };
        if let Err(NotSigned::Failed(Failure::Vault(VaultError::Denied(_) | VaultError::Missing(_)))) = &verdict {
            self.keys.look_again();
        }
        let took = start.elapsed();
        facts.place = trace.place();
        facts.log(request, took, &verdict, self.observes);
        if let Some(Consensus { kind, chain, position }) = facts.consensus {
            let id = MarkId { chain, key: request.key, kind };
            if verdict.is_ok() {
                self.last_signed.note(id, position.level);
            }
            // Clients choose the chains of requests: only that of the nodes is of interest.
            if self.head.follows(chain) {
                self.answers.note(id, position, verdict.as_ref().err().map(NotSigned::cause));
            }
        }
        let finished = facts.finished(request, took, &verdict, &trace);
        self.metrics.finished(&finished, &trace.stages);
        if let Some(span) = span {
            span.finish(&finished, &trace.stages);
        }
        verdict
    }

    /// The public key with this hash, by the deadline.
    ///
    /// # Errors
    /// [`NotSigned`]: refused, if the vault has no such key that can sign; failed, if that is undecided.
    pub async fn public_key(&self, hash: &PublicKeyHash, deadline: Instant) -> Result<PublicKey, NotSigned> {
        match tokio::time::timeout_at(deadline, self.keys.find(hash, deadline)).await {
            Ok(key) => Ok(key?.public_key.clone()),
            Err(_) => Err(Failure::Deadline.into()),
        }
    }

    /// Lists the vault's keys again. Keys that are bound to another mark store are logged.
    ///
    /// # Errors
    /// [`VaultError`] if the vault does not list all its keys.
    pub async fn refresh_keys(&self) -> Result<(), VaultError> {
        let answer = self.keys.refresh().await;
        if !self.observes {
            self.logged_elsewhere.log(self.ledger.store(), &self.keys.list());
        }
        answer
    }

    /// While polled, keeps a connection to the vault open.
    pub async fn keep_vault_warm(&self) -> Infallible {
        self.keys.keep_vault_warm().await
    }

    /// All keys that can sign, by name.
    pub fn keys(&self) -> Vec<Arc<Key>> {
        self.keys.list()
    }

    /// The keys whose marks are in the store in use, as far as is known now: they are bound to it, or not bound.
    pub fn keys_with_marks_here(&self) -> Vec<Arc<Key>> {
        let mut keys = self.keys.list();
        let store = self.ledger.store();
        keys.retain(|key| binding::may_be_here(store, self.bound_to(key)) && binding::check_sealed(store, key).is_ok());
        keys
    }

    /// The marks that every block and vote is recorded in.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The keys that may have to authenticate a request: all authorized keys, if any key requires authentication. It is not
    /// published which keys do, so that octez signs every request.
    pub fn authorized_keys(&self) -> Option<&AuthorizedKeys> {
        let by_default = !self.authorized_keys.is_empty();
        let is_required = !self.policy.requiring_authentication(by_default).is_empty();
        is_required.then_some(&self.authorized_keys)
    }

    /// The digest of the identity of the mark store in use; `None` until the identity has been read. Computed once for each
    /// identity, since every response carries it.
    pub fn store_digest(&self) -> Option<Digest> {
        let identity = self.ledger.store().identity()?;
        let mut computed = self.store_digest.lock().unwrap_or_else(PoisonError::into_inner);
        match &*computed {
            Some((of, digest)) if *of == identity => Some(*digest),
            _ => {
                let digest = identity.digest();
                *computed = Some((identity, digest));
                Some(digest)
            }
        }
    }

    /// The digest of the policy in force.
    pub const fn policy(&self) -> Digest {
        self.policy_digest
    }

    /// Whether requests can be signed: some key is not bound to another mark store, levels can be checked if they must be, and
    /// the last recent call to the mark store succeeded.
    pub fn is_ready(&self) -> bool {
        !self.keys_with_marks_here().is_empty() && self.head.is_ready() && self.ledger.is_answered()
    }

    async fn try_sign(&self, request: &SignRequest, facts: &mut Facts, trace: &Trace) -> Result<Signature, NotSigned> {
        let key = self.keys.find(&request.key, request.deadline).await?;
        facts.is_key_known = true;
        let rules = self.policy.rules_of(&key.hash);
        let is_required = rules.requires_authentication(!self.authorized_keys.is_empty());
        let timer = trace.stages.start(Stage::Authenticate);
        facts.requester = self.authorized_keys.check(request, is_required).await?;
        drop(timer);
        self.newer_versions.log(request.version);
        let timer = trace.stages.start(Stage::Decode);
        let understood = Understood::decode(&request.payload, key.curve(), request.version)?;
        drop(timer);
        facts.learn(&understood.payload);
        understood.allowed_by(rules)?;
        if let Some(purpose) = &key.purpose {
            purpose::check(purpose, &understood.payload, self.policy.names(&key.hash)).map_err(Refusal::Purpose)?;
        }

        let Understood { payload, scheme } = understood;
        let signing = Signing {
            vault: self.keys.vault(),
            key: &key,
            payload: &request.payload,
            scheme,
            // Calls to services end a little before the request, so that the answer can name their errors.
            deadline: request.deadline - TIME_TO_ANSWER,
            trace,
        };
        let digest = Digest::of(&request.payload);
        let identity = RequestIdentity { key: key.hash, digest, scheme };
        let Some(consensus) = payload.consensus() else {
            return self.share(identity, signing, async || signing.sign_and_verify().await).await;
        };
        let Consensus { kind, chain, position } = consensus;
        binding::check(self.ledger.store(), self.bound_to(&key), request.deadline).await?;
        binding::check_sealed(self.ledger.store(), &key)?;
        let timer = trace.stages.start(Stage::Head);
        let jump_limit = self.head.check(&consensus).await?.jump_limit();
        drop(timer);
        let id = MarkId { chain, key: key.hash, kind };
        let max_level = checkpoints::max_level(chain, OffsetDateTime::now_utc());
        let request = Request { id, position, digest, jump_limit, max_level, requester: facts.requester };
        let commit = async || commit_and_sign(&self.ledger, &self.repeats, &request, identity, signing).await;
        let signature = self.share(identity, signing, commit).await?;
        binding::check_again(self.ledger.store(), self.bound_to(&key))?;
        binding::check_sealed(self.ledger.store(), &key)?;
        Ok(signature)
    }

    /// Does the work, or waits for the answer to an identical request in flight, which is then noted.
    async fn share(
        &self,
        identity: RequestIdentity,
        signing: Signing<'_>,
        work: impl AsyncFnOnce() -> Result<Signature, NotSigned>,
    ) -> Result<Signature, NotSigned> {
        let is_own = AtomicBool::new(false);
        let work = async || {
            is_own.store(true, Ordering::Relaxed);
            work().await
        };
        let answer = self.repeats.share(identity, signing.deadline, work).await;
        if !is_own.load(Ordering::Relaxed) {
            signing.trace.repeats(RepeatSource::InFlight);
        }
        answer
    }
}

pub(super) fn outcome(verdict: &Result<Signature, NotSigned>, repeat: Option<RepeatSource>) -> Outcome {
    match verdict {
        Ok(_) if repeat.is_some() => Outcome::Replayed,
        Ok(_) => Outcome::Signed,
        Err(NotSigned::Refused(_)) => Outcome::Refused,
        Err(NotSigned::Failed(_)) => Outcome::Failed,
    }
}

pub(super) fn verdict_of(verdict: &Result<Signature, NotSigned>) -> Verdict {
    verdict.as_ref().map_or_else(NotSigned::verdict, |_| Verdict::Signed)
}

/// Facts about a request for its log line and the metrics, as they become known.
#[derive(Default)]
struct Facts {
    is_key_known: bool,
    kind: Option<RequestKind>,
    operations: Option<String>,
    consensus: Option<Consensus>,
    requester: Option<PublicKeyHash>,
    place: Option<Place>,
}

impl Facts {
    fn learn(&mut self, payload: &Payload) {
        self.consensus = payload.consensus();
        self.kind = Some(RequestKind::from(payload));
        if let Payload::Operations(operations) = payload {
            let names: Vec<_> = operations.contents.iter().map(|content| content.kind.name()).collect();
            self.operations = Some(names.join(","));
        }
    }

    /// An observer's lines have an event of their own, so that nothing that reads the log takes them for those of a signer.
    fn log(&self, request: &SignRequest, took: Duration, verdict: &Result<Signature, NotSigned>, observes: bool) {
        let not_signed = verdict.as_ref().err();
        macro_rules! line {
            ($level:ident, $event:literal, $verdict:expr) => {
                $level!(
                    event = $event,
                    key = %request.key,
                    kind = self.kind.map(RequestKind::name),
                    operations = self.operations,
                    chain = self.consensus.map(|consensus| tracing::field::display(consensus.chain)),
                    level = self.consensus.map(|consensus| consensus.position.level.get()),
                    round = self.consensus.map(|consensus| consensus.position.round.get()),
                    sequence = self.place.map(|place| place.sequence),
                    previous = self.place.and_then(|place| place.previous).map(|digest| shortened(&digest)),
                    verdict = $verdict,
                    cause = not_signed.map(|not_signed| not_signed.cause().name()),
                    reason = not_signed.map(NotSigned::log),
                    requester = self.requester.map(tracing::field::display),
                    invocation = request.invocation,
                    ms = milliseconds(took),
                    $event
                )
            };
        }
        match verdict {
            verdict if observes => line!(info, "observed", verdict_of(verdict).name()),
            Ok(_) => line!(info, "signed", "signed"),
            Err(NotSigned::Refused(_)) => line!(warn, "refused", "refused"),
            Err(NotSigned::Failed(_)) => line!(error, "failed", "failed"),
        }
    }

    fn finished(
        &self,
        request: &SignRequest,
        took: Duration,
        verdict: &Result<Signature, NotSigned>,
        trace: &Trace,
    ) -> FinishedRequest {
        FinishedRequest {
            key: self.is_key_known.then_some(request.key),
            kind: self.kind.unwrap_or(RequestKind::Unknown),
            outcome: outcome(verdict, trace.repeat()),
            cause: verdict.as_ref().err().map(NotSigned::cause),
            repeat: trace.repeat(),
            level: self.consensus.map(|consensus| consensus.position.level.get()),
            round: self.consensus.map(|consensus| consensus.position.round.get()),
            took,
        }
    }
}

/// Enough of the digest of a version to tell it from others, in 16 characters, which keep log lines short.
fn shortened(digest: &Digest) -> String {
    ShortDigest::of(digest).to_string()
}

/// Milliseconds with three decimals, which keep log lines short.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    let microseconds = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
    f64::from(microseconds) / 1000.0
}
