//! What the answers to blocks and votes show about whether signing works.

use super::answers::{Answer, Passed};
use super::request::{Request, Subject};
use super::upstream::Upstream;
use crate::answer::{Cause, Verdict};
use crate::tezos::PublicKeyHash;
use crate::tezos::payload::Payload;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// One failed request may be bad luck.
const MAX_FAILURES: u32 = 2;

/// How long failures count if the key is not used again, as after the baker has moved to another key.
const MEMORY: Duration = Duration::from_hours(1);

/// The last answers of each key, and the last signature of each upstream.
#[derive(Default)]
pub(super) struct Evidence(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    /// Only keys whose last request failed. Bounded by the keys of the upstreams, since no other key gets this far.
    failures: HashMap<PublicKeyHash, Failures>,
    signed: HashMap<usize, Instant>,
}

/// The latest failures of one key in a row.
#[derive(Debug, Clone)]
struct Failures {
    count: u32,
    last: Instant,
    reason: String,
}

impl Evidence {
    /// Takes note of the answer to a request.
    pub(super) fn record(&self, request: &Request, answer: &Answer) {
        let Subject::Payload { payload, .. } = &request.subject else { return };
        let decoded = Payload::decode(payload, request.key.curve()).ok();
        if decoded.as_ref().and_then(Payload::consensus).is_none() {
            return;
        }
        let (key, now) = (request.key.hash(), Instant::now());
        let mut contents = self.lock();
        if let Answer::Signed(signed) = answer {
            contents.signed.insert(signed.upstream, now);
        }
        match reason_of_failure(answer) {
            None => drop(contents.failures.remove(&key)),
            Some(reason) => {
                let count = contents.failures.get(&key).map_or(1, |earlier| earlier.count.saturating_add(1));
                contents.failures.insert(key, Failures { count, last: now, reason });
            }
        }
    }

    /// Why a key does not sign blocks and votes, if there is such a key.
    pub(super) fn failing_key(&self) -> Option<String> {
        let mut contents = self.lock();
        contents.failures.retain(|_, failures| failures.last.elapsed() < MEMORY);
        let failing = contents.failures.iter().find(|(_, failures)| failures.count >= MAX_FAILURES);
        failing.map(|(key, failures)| {
            format!("the last {} requests for {key} failed: {}", failures.count, failures.reason)
        })
    }

    /// Whether a signature of this upstream arrived within the last `period`.
    pub(super) fn has_signed_within(&self, upstream: &Upstream, period: Duration) -> bool {
        self.lock().signed.get(&upstream.index).is_some_and(|signed| signed.elapsed() < period)
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a block or vote that is in order would not have been signed either. `None` if it would have been: refusals are normal, for
/// instance with a second baker.
fn reason_of_failure(answer: &Answer) -> Option<String> {
    match answer {
        Answer::Signed(_) => None,
        Answer::Failed { reason } => Some(reason.clone()),
        Answer::Passed(Passed { reply, .. }) => {
            let signer = reply.signer.as_ref()?;
            let is_of_the_key = matches!(
                signer.cause,
                Some(Cause::Unauthenticated | Cause::UnknownKey | Cause::UnusableKey | Cause::MarkLost)
            );
            (signer.verdict == Verdict::Failed || is_of_the_key).then(|| reply.message())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::header;
    use crate::relay::answers::Signed;
    use crate::relay::reply::{Reply, SignerHeaders};
    use crate::tezos::{BlsScheme, Curve, SecretKey, SignatureVersion};
    use axum::body::Bytes;
    use axum::http::{HeaderMap, HeaderValue, StatusCode};
    use oracle::payload::consensus::{self, Vote};

    /// A preattestation, or a message that is no vote.
    fn request(key: &SecretKey, is_vote: bool) -> Request {
        let vote = Vote::new(consensus::Kind::Preattestation, oracle::crypto::Curve::P256, 1, 0).bytes();
        let payload = if is_vote { vote } else { vec![0x05, 0] };
        let (payload, version) = (Bytes::from(payload), SignatureVersion::V3);
        let subject = Subject::Payload { payload, version, authentication: None };
        Request { key: key.public_key().clone(), subject, companion: None, parent: None }
    }

    fn passed(verdict: Verdict, cause: Cause) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(header::VERDICT, HeaderValue::from_static(verdict.name()));
        headers.insert(header::REASON, HeaderValue::from_static(cause.name()));
        let signer = SignerHeaders::read(&headers);
        let (status, body) = (StatusCode::CONFLICT, Bytes::new());
        Answer::Passed(Passed { reply: Reply { status, signer, body, date: None, requires_token: false }, upstream: 0 })
    }

    #[tokio::test(start_paused = true)]
    async fn two_failures_in_a_row_count_until_the_key_signs_or_for_an_hour() {
        let [key, other] = [1, 2].map(|_| SecretKey::generate(Curve::Ed25519).unwrap());
        let failed = Answer::Failed { reason: "no answer".to_owned() };
        let signature = key.sign(b"\x05x", BlsScheme::ProofOfPossession).unwrap();
        let signed = Answer::Signed(Signed { signature, companion: None, upstream: 0 });
        let refused = |cause| passed(Verdict::Refused, cause);
        for (answers, is_failing) in [
            (vec![], false),
            (vec![&failed], false),
            (vec![&failed, &failed], true),
            (vec![&failed, &signed, &failed], false),
            (vec![&failed, &refused(Cause::DifferentData), &failed], false),
            (vec![&refused(Cause::BelowMark), &refused(Cause::Policy)], false),
            (vec![&refused(Cause::UnusableKey), &refused(Cause::UnusableKey)], true),
            (vec![&passed(Verdict::Failed, Cause::Vault), &failed], true),
            (vec![&failed, &failed, &signed], false),
        ] {
            let evidence = Evidence::default();
            for answer in &answers {
                evidence.record(&request(&key, true), answer);
                // Neither another key nor other payloads have a say.
                evidence.record(&request(&other, true), &signed);
                evidence.record(&request(&key, false), &signed);
                evidence.record(&request(&other, false), &failed);
            }
            assert_eq!(evidence.failing_key().is_some(), is_failing, "{answers:?}");
            tokio::time::advance(MEMORY).await;
            assert_eq!(evidence.failing_key(), None, "{answers:?}");
        }
    }
}
