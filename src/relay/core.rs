//! [`Relay`]: what all requests share, and how a request finds its answer.

use super::companions::{Companions, Wanted};
use super::credential::{FunctionKeyError, FunctionKeys};
use super::identities::Identities;
use super::race::{self, Answer, Signed};
use super::reply::Reply;
use super::request::{Identity, Request, Subject};
use super::settings::RelaySettings;
use super::state::{State, StateError};
use super::upstream::{Call, Upstream};
use crate::answer::Cause;
use crate::azure::TlsRoots;
use crate::tezos::{BlsScheme, Digest, PublicKey, PublicKeyHash};
use axum::http::StatusCode;
use futures::FutureExt;
use futures::StreamExt;
use futures::future::{BoxFuture, Shared};
use futures::stream::FuturesUnordered;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

/// A request whose shared answer failed is sent again if so much time is left.
const WORTH_ANOTHER_TRY: Duration = Duration::from_millis(100);

/// The relay: forwards requests to upstreams, and answers what it knows.
pub struct Relay {
    pub(super) upstreams: Vec<Arc<Upstream>>,
    pub(super) identities: Identities,
    pub(super) state: Arc<State>,
    pub(super) companions: Companions,
    pub(super) function_keys: Arc<FunctionKeys>,
    pub(super) hedge: Duration,
    /// Wakes the reads of authorized keys, after a signer has rejected an authentication.
    pub(super) refresh: Notify,
    /// The authorized keys that each upstream named last.
    authorized_keys: Mutex<Vec<Option<Vec<PublicKeyHash>>>>,
    in_flight: Mutex<HashMap<Identity, Shared<BoxFuture<'static, Answer>>>>,
}

/// Why the relay cannot start.
#[derive(Debug, Error)]
pub enum RelayError {
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The function keys cannot be used.
    #[error("RELAY_FUNCTION_KEYS: {0}")]
    FunctionKeys(#[from] FunctionKeyError),
}

/// Why there is no public key.
#[derive(Debug)]
pub(super) enum NoKey {
    /// A signer has no such key that can sign.
    Refused,
    /// No upstream has answered with it.
    Failed(String),
}

impl Relay {
    /// Reads the state and the function keys. Sends no requests.
    ///
    /// # Errors
    /// [`RelayError`].
    pub fn new(settings: &RelaySettings, roots: &TlsRoots) -> Result<Self, RelayError> {
        Self::with_state(State::open(&settings.state_dir)?, settings, roots)
    }

    /// The same, with a state that was read before.
    ///
    /// # Errors
    /// [`RelayError`].
    pub(super) fn with_state(state: State, settings: &RelaySettings, roots: &TlsRoots) -> Result<Self, RelayError> {
        let (state, number) = (Arc::new(state), settings.upstreams.len());
        let function_keys = Arc::new(FunctionKeys::read(settings.function_keys.clone(), number)?);
        let upstreams = settings.upstreams.iter().enumerate().map(|(index, url)| {
            let keys = Arc::clone(&function_keys);
            Arc::new(Upstream::new(index, url.clone(), roots.clone(), keys, settings.hedge))
        });
        Ok(Self {
            upstreams: upstreams.collect(),
            identities: Identities::new(Arc::clone(&state), settings.store, number),
            state,
            companions: Companions::new(settings.companions.clone()),
            function_keys,
            hedge: settings.hedge,
            refresh: Notify::new(),
            authorized_keys: Mutex::new(vec![None; number]),
            in_flight: Mutex::default(),
        })
    }

    /// The upstreams in the order in which they get a request: those that fail are last.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<_> = self.upstreams.iter().map(|upstream| (upstream.is_failing(), upstream.index)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, index)| index).collect()
    }

    /// Takes note of a reply, whatever it was to.
    pub(super) fn saw(&self, upstream: &Upstream, reply: &Reply) {
        match &reply.signer {
            Some(signer) => {
                self.identities.saw(upstream, signer);
                if signer.cause == Some(Cause::Unauthenticated) {
                    self.refresh.notify_waiters();
                }
            }
            // The function key may just have been replaced.
            None if reply.status == StatusCode::UNAUTHORIZED => self.function_keys.refresh(),
            None => {}
        }
    }

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
    fn share(
        self: &Arc<Self>,
        request: &Arc<Request>,
        deadline: Instant,
    ) -> (Shared<BoxFuture<'static, Answer>>, bool) {
        let identity = request.identity();
        let mut in_flight = self.in_flight();
        if let Some(shared) = in_flight.get(&identity) {
            return (shared.clone(), true);
        }
        let (relay, request) = (Arc::clone(self), Arc::clone(request));
        let leave = Leave(Arc::clone(self), identity.clone());
        // A separate task, which goes on if the client disconnects: octez may repeat the request.
        let task = tokio::spawn(async move {
            let answer = race::run(Arc::clone(&relay), Arc::clone(&request), deadline).await;
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
            let scheme = version.scheme(companion.curve()).unwrap_or(BlsScheme::ProofOfPossession);
            let wanted = Wanted { key: companion.hash(), payload: Digest::of(payload), scheme };
            self.companions.keep(wanted, signature);
        }
    }

    /// A public key, from memory or from the first upstream that has it.
    ///
    /// # Errors
    /// [`NoKey`].
    pub(super) async fn public_key(&self, hash: &PublicKeyHash, deadline: Instant) -> Result<PublicKey, NoKey> {
        if let Some(key) = self.state.key(hash) {
            return Ok(key);
        }
        let call = Call::get(format!("/keys/{hash}"));
        let calls = self.upstreams.iter().map(|upstream| {
            let call = &call;
            async move { (upstream, upstream.call(call, deadline).await) }
        });
        let mut replies: FuturesUnordered<_> = calls.collect();
        let mut is_refused = false;
        let mut reasons = Vec::new();
        while let Some((upstream, reply)) = replies.next().await {
            let reply = match reply {
                Ok(reply) => reply,
                Err(no_reply) => {
                    reasons.push(format!("{}: {no_reply}", upstream.url));
                    continue;
                }
            };
            self.saw(upstream, &reply);
            match reply.public_key(hash) {
                Ok(key) => {
                    self.state.add_key(&key);
                    return Ok(key);
                }
                Err(_) if reply.is_refused() => is_refused = true,
                Err(error) => reasons.push(format!("{}: status {}, and {error}", upstream.url, reply.status.as_u16())),
            }
        }
        // While another upstream has not answered, it is not known that there is no such key.
        if is_refused && reasons.is_empty() { Err(NoKey::Refused) } else { Err(NoKey::Failed(reasons.join("; "))) }
    }

    /// Whether requests can be forwarded: the store is known, and an upstream is well.
    pub(super) fn is_ready(&self) -> bool {
        self.identities.store().is_some() && self.upstreams.iter().any(|upstream| !upstream.is_failing())
    }

    /// Takes note of the authorized keys that an upstream names. If they differ, those of the first upstream that has some count.
    pub(super) fn set_authorized_keys(&self, upstream: &Upstream, hashes: Vec<PublicKeyHash>) {
        let mut all = self.authorized_keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_upstream) = all.get_mut(upstream.index) {
            *of_upstream = Some(hashes);
        }
        let named = || all.iter().flatten();
        let first = named().find(|hashes| !hashes.is_empty()).or_else(|| named().next()).cloned();
        if named().any(|hashes| Some(hashes) != first.as_ref()) {
            warn!(event = "relay_authorized_keys_differ", "the upstreams name different authorized keys");
        }
        if let Some(hashes) = first {
            self.state.set_authorized_keys(hashes);
        }
    }

    fn in_flight(&self) -> MutexGuard<'_, HashMap<Identity, Shared<BoxFuture<'static, Answer>>>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the sharing of an answer, even if the request panics: a later request is sent again.
struct Leave(Arc<Relay>, Identity);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.in_flight().remove(&self.1);
    }
}
