//! Identical requests that arrive at the same time share one answer.

use super::answers::{Answer, Signed};
use super::companions::Wanted;
use super::core::{Relay, SharedAnswer};
use super::race;
use super::request::{Request, RequestIdentity, Subject};
use futures::FutureExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A request whose shared answer failed is sent again if so much time is left.
const WORTH_ANOTHER_TRY: Duration = Duration::from_millis(100);

impl Relay {
    /// The answer to a request for a signature, by the deadline. Identical requests that are made at the same time share one.
    pub(super) async fn answer(self: &Arc<Self>, request: Request, deadline: Instant) -> Answer {
        let request = Arc::new(request);
        loop {
            let (shared, is_joined) = self.share(&request, deadline);
            let Ok(answer) = timeout_at(deadline, shared).await else {
                return Answer::Failed { reason: "no answer within RELAY_DEADLINE_MS".to_owned() };
            };
            let is_worth_it = is_joined && Instant::now() + WORTH_ANOTHER_TRY < deadline;
            if !(is_worth_it && matches!(answer, Answer::Failed { .. })) {
                return answer;
            }
        }
    }

    /// The answer that an identical request is waiting for, or a new one; and which of the two.
    fn share(self: &Arc<Self>, request: &Arc<Request>, deadline: Instant) -> (SharedAnswer, bool) {
        let identity = request.identity();
        let mut in_flight = self.in_flight();
        if let Some(shared) = in_flight.get(&identity) {
            return (shared.clone(), true);
        }
        if let Some(observer) = &self.observer {
            observer.copy(request.call());
        }
        let (relay, request) = (Arc::clone(self), Arc::clone(request));
        let leave = Leave(Arc::clone(self), identity.clone());
        // A separate task, which goes on if the client disconnects: octez may repeat the request.
        let task = tokio::spawn(async move {
            let answer = race::run(Arc::clone(&relay), Arc::clone(&request), deadline).await;
            if let Some(heartbeat) = &relay.heartbeat {
                heartbeat.evidence.record(&request, &answer);
            }
            if let Answer::Signed(signed) = &answer {
                relay.keep(&request, signed);
            }
            drop(leave);
            answer
        });
        let shared =
            async { task.await.unwrap_or_else(|error| Answer::Failed { reason: format!("internal error: {error}") }) };
        let shared = shared.boxed().shared();
        in_flight.insert(identity, shared.clone());
        (shared, false)
    }

    /// Counts the winner, and keeps the companion's signature.
    fn keep(&self, request: &Request, signed: &Signed) {
        if let Some(upstream) = self.upstreams.get(signed.upstream) {
            upstream.counters.won();
        }
        if let (Some(companion), Some(signature), Subject::Payload { payload, version, .. }) =
            (&request.companion, signed.companion, &request.subject)
        {
            self.companions.keep(Wanted::new(companion.key.hash(), payload, *version), signature);
        }
    }
}

/// Ends the sharing of an answer, even if the request panics: a later request is sent again.
struct Leave(Arc<Relay>, RequestIdentity);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.in_flight().remove(&self.1);
    }
}
