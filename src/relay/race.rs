//! Sends one request to the upstreams as the decision says, and verifies what comes back.

use super::StoreDigest;
use super::answers::{Answer, Passed, Signed};
use super::connections::Sharing;
use super::core::Relay;
use super::decision::{Action, Decision, Outcome};
use super::reply::{Meaning, Remark, Reply};
use super::request::Request;
use super::upstream::{Call, Upstream};
use crate::answer::Verdict;
use crate::tezos::{Signature, SignatureText};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::error;

/// What is left of a request's deadline when its last call to an upstream must end, so that the answer can name the reason.
pub(super) const TIME_TO_ANSWER: Duration = Duration::from_millis(30);

/// Finds an answer by the deadline.
pub(super) async fn run(relay: Arc<Relay>, request: Arc<Request>, deadline: Instant) -> Answer {
    let (last_call, deadline) = (deadline - TIME_TO_ANSWER, deadline - TIME_TO_ANSWER / 2);
    if relay.identities.store_by(last_call).await.is_none() {
        let reason =
            "the upstreams have not all named the same mark store yet, so nothing is forwarded: see the log".to_owned();
        return Answer::Failed { reason };
    }
    let start = Instant::now();
    let mut decision = Decision::new(relay.order(), relay.hedge);
    let (sender, mut replies) = mpsc::unbounded_channel();
    let mut in_flight = 0_usize;
    let mut sent = 0_usize;
    loop {
        let until = match decision.next(start.elapsed()) {
            // Too late for another call: what the earlier ones came to is the answer.
            Action::Send(_) if Instant::now() >= last_call => {
                if in_flight == 0 {
                    return decision.at_deadline().unwrap_or_else(|| no_answer(sent));
                }
                deadline
            }
            Action::Send(index) => {
                let Some(upstream) = relay.upstreams.get(index).cloned() else { continue };
                let sharing = if in_flight > 0 { Sharing::Unused } else { Sharing::Any };
                if in_flight > 0 {
                    upstream.counters.hedged();
                }
                (in_flight, sent) = (in_flight + 1, sent + 1);
                let (relay, request, sender) = (Arc::clone(&relay), Arc::clone(&request), sender.clone());
                // A separate task: the one that comes second still returns its connection.
                tokio::spawn(async move {
                    let leg = ask(&relay, &upstream, &request, sharing, last_call).await;
                    drop(sender.send((upstream.index, leg)));
                });
                continue;
            }
            Action::Answer(answer) => return answer.unwrap_or_else(|| no_answer(sent)),
            Action::Wait(until) => until.map_or(deadline, |until| (start + until).min(deadline)),
        };
        tokio::select! {
            Some((upstream, (outcome, answer))) = replies.recv() => {
                in_flight = in_flight.saturating_sub(1);
                decision.replied(upstream, outcome, answer, start.elapsed());
            }
            () = sleep_until(until), if until < deadline => {}
            () = sleep_until(deadline) => return decision.at_deadline().unwrap_or_else(|| no_answer(sent)),
        }
    }
}

fn no_answer(sent: usize) -> Answer {
    Answer::Failed { reason: format!("no upstream has answered within RELAY_DEADLINE_MS ({sent} requests sent)") }
}

/// One request to one upstream: what it means, and what the answer would be.
async fn ask(
    relay: &Relay,
    upstream: &Upstream,
    request: &Request,
    sharing: Sharing,
    deadline: Instant,
) -> (Outcome, Answer) {
    let failed = |outcome, reason: String| {
        upstream.failed(&reason);
        (outcome, Answer::Failed { reason: format!("{}: {reason}", upstream.url) })
    };
    let Some(pinned) = relay.identities.store() else {
        return failed(Outcome::Unusable, "no mark store is pinned".to_owned());
    };
    if let Err((outcome, reason)) = check_store(relay, upstream, &pinned, sharing, deadline).await {
        return failed(outcome, reason);
    }
    let reply = match upstream.call(&request.call(), sharing, deadline).await {
        Ok(reply) => reply,
        Err(no_reply) => return failed(Outcome::Failed { by_signer: false }, no_reply.to_string()),
    };
    relay.saw(upstream, &reply);
    let (outcome, remark) = match reply.meaning(&pinned, &request.key.hash(), request.field()) {
        Meaning::Signature(signature) => {
            let signature = *signature;
            if request.is_signed(signature).await {
                upstream.succeeded();
                let companion = companion_of(&reply, request, upstream).await;
                let signed = Signed { signature, companion, upstream: upstream.index };
                return (Outcome::Signed, Answer::Signed(signed));
            }
            (Outcome::Unusable, Remark::NoSignature)
        }
        Meaning::Other(outcome, remark) => (outcome, remark),
    };
    match remark {
        Remark::None => {}
        Remark::OtherStore => return failed(outcome, "it uses another mark store".to_owned()),
        Remark::NoSignature => {
            let key = request.key.hash();
            error!(
                event = "relay_signature_wrong",
                upstream = %upstream.url,
                key = %key,
                "the upstream returned a signature that is not valid; it is not used again for this request"
            );
            return failed(outcome, format!("its signature is not one of {key} over this payload"));
        }
    }
    if outcome == (Outcome::Failed { by_signer: false }) || outcome == Outcome::Unusable {
        return failed(outcome, upstream.reason_of_platform(&reply));
    }
    let signer = reply.signer.as_ref();
    let is_error = signer.is_some_and(|signer| matches!(signer.verdict, Verdict::Refused | Verdict::Failed));
    if signer.is_none_or(|signer| signer.store != Some(pinned)) || !is_error || reply.status.is_success() {
        return failed(outcome, "it does not know its mark store yet".to_owned());
    }
    match outcome {
        Outcome::Failed { .. } => upstream.failed(&reply.message()),
        _ => upstream.succeeded(),
    }
    (outcome, Answer::Passed(Passed { reply, upstream: upstream.index }))
}

/// Makes sure that nothing is forwarded to a signer with another mark store, which would sign what this one refuses. Costs a read
/// if the upstream has not named its store since the relay started, or has named another one last.
async fn check_store(
    relay: &Relay,
    upstream: &Upstream,
    pinned: &StoreDigest,
    sharing: Sharing,
    deadline: Instant,
) -> Result<(), (Outcome, String)> {
    if relay.identities.store_of(upstream) == Some(*pinned) {
        return Ok(());
    }
    let reply = upstream.call(&Call::get("/authorized_keys"), sharing, deadline).await;
    let reply = reply.map_err(|no_reply| (Outcome::Failed { by_signer: false }, no_reply.to_string()))?;
    relay.saw(upstream, &reply);
    let Some(signer) = &reply.signer else {
        return Err((reply.outcome_of_platform(), upstream.reason_of_platform(&reply)));
    };
    match signer.store {
        Some(store) if store == *pinned => Ok(()),
        Some(_) => Err((Outcome::Unusable, "it uses another mark store, so nothing is forwarded to it".to_owned())),
        None => Err((Outcome::Failed { by_signer: true }, "it does not know its mark store yet".to_owned())),
    }
}

/// The companion's signature, if the reply has a valid one.
async fn companion_of(reply: &Reply, request: &Request, upstream: &Upstream) -> Option<Signature> {
    let companion = &request.companion.as_ref()?.key;
    let text = reply.signer.as_ref()?.companion_signature.as_deref()?;
    let signature = text.parse().ok().and_then(|text: SignatureText| text.of_curve(companion.curve()));
    if let Some(signature) = signature
        && request.is_signed_by(companion, signature).await
    {
        return Some(signature);
    }
    let key = companion.hash();
    error!(
        event = "relay_signature_wrong",
        upstream = %upstream.url,
        key = %key,
        "the upstream returned a signature of the companion key that is not valid; it is not used"
    );
    None
}
