//! [`Relay`]: what all requests share.

use super::answers::Answer;
use super::authentication_key::{AuthenticationKey, AuthenticationKeyError};
use super::companions::Companions;
use super::connection::{Connector, UnusableAddress};
use super::connections::Sharing;
use super::credential::{CredentialError, Credentials};
use super::heartbeat::Heartbeat;
use super::identities::Identities;
use super::observer::Observer;
use super::reply::Reply;
use super::request::RequestIdentity;
use super::settings::RelaySettings;
use super::state::{SavedState, StateError};
use super::upstream::{Call, NoReply, Upstream};
use crate::answer::{Cause, Verdict};
use crate::azure::TlsRoots;
use crate::net::dns::Resolver;
use crate::tezos::{PublicKey, PublicKeyHash};
use futures::future::{BoxFuture, Shared};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

/// An answer that several requests can wait for.
pub(super) type SharedAnswer = Shared<BoxFuture<'static, Answer>>;

/// The relay: forwards requests to upstreams, and answers what it knows.
pub(super) struct Relay {
    pub(super) upstreams: Vec<Arc<Upstream>>,
    pub(super) observer: Option<Observer>,
    pub(super) identities: Identities,
    pub(super) state: Arc<SavedState>,
    pub(super) companions: Companions,
    pub(super) credentials: Arc<Credentials>,
    /// Signs requests for clients that do not sign theirs.
    pub(super) authentication_key: Option<AuthenticationKey>,
    pub(super) hedge: Duration,
    pub(super) heartbeat: Option<Heartbeat>,
    /// Wakes the reads of authorized keys, after a signer has rejected an authentication.
    pub(super) refresh: Notify,
    /// The authorized keys that each upstream named last.
    authorized_keys: Mutex<Vec<Option<Vec<PublicKeyHash>>>>,
    in_flight: Mutex<HashMap<RequestIdentity, SharedAnswer>>,
}

/// Why the relay cannot start.
#[derive(Debug, Error)]
pub enum RelayError {
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The key that signs requests cannot be used.
    #[error("RELAY_AUTHENTICATION_KEY_FILE: {0}")]
    AuthenticationKey(#[from] AuthenticationKeyError),
    /// The client that sends heartbeats.
    #[error("RELAY_HEARTBEAT_URL: the HTTP client cannot be created: {0}")]
    Heartbeat(reqwest::Error),
    /// An upstream's address cannot be used.
    #[error("RELAY_UPSTREAMS: {0}")]
    Address(#[from] UnusableAddress),
    /// The observer's address cannot be used.
    #[error("RELAY_OBSERVER: {0}")]
    Observer(UnusableAddress),
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
    /// Reads the files with credentials. Sends no requests. Takes over the connections of upstreams that `previous` has, too.
    ///
    /// # Errors
    /// [`RelayError`].
    pub(super) fn new(
        state: Arc<SavedState>,
        settings: &RelaySettings,
        roots: &TlsRoots,
        previous: Option<&Self>,
    ) -> Result<Self, RelayError> {
        let number = settings.upstreams.len();
        let credentials =
            Arc::new(Credentials::read(settings, roots, previous.map(|previous| &*previous.credentials))?);
        let resolver = Arc::new(Resolver::default());
        // A connection keeps the client certificate that it was opened with.
        let kept = previous.filter(|previous| credentials.has_same_certificate(&previous.credentials));
        let upstreams = settings.upstreams.iter().enumerate().map(|(index, url)| {
            let credentials = Arc::clone(&credentials);
            let same = kept.and_then(|previous| previous.upstreams.iter().find(|upstream| upstream.url == *url));
            if let Some(upstream) = same {
                return Ok(Arc::new(upstream.with_settings(index, credentials, settings.hedge)));
            }
            let connector = Connector::new(url, roots, Arc::clone(&resolver), credentials.client_certificate())?;
            Ok(Arc::new(Upstream::new(index, url.clone(), connector, credentials, settings.hedge)))
        });
        let upstreams = upstreams.collect::<Result<_, UnusableAddress>>()?;
        let observer = Observer::new(settings, roots, &resolver, &credentials).map_err(RelayError::Observer)?;
        let heartbeat = settings.heartbeat.clone().map(|heartbeat| Heartbeat::new(heartbeat, roots));
        Ok(Self {
            upstreams,
            observer,
            identities: Identities::new(Arc::clone(&state), settings.store, number),
            state,
            companions: Companions::new(settings.companions.clone()),
            credentials,
            authentication_key: settings.authentication_key.clone().map(AuthenticationKey::read).transpose()?,
            hedge: settings.hedge,
            heartbeat: heartbeat.transpose().map_err(RelayError::Heartbeat)?,
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

    /// Learns from a reply to any request: the store, the policy, and whether an authentication was rejected.
    pub(super) fn saw(&self, upstream: &Upstream, reply: &Reply) {
        let Some(signer) = &reply.signer else { return };
        self.identities.saw(upstream, signer);
        if signer.cause == Some(Cause::Unauthenticated) {
            self.refresh.notify_waiters();
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
        let mut replies = self.replies(&call, deadline);
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

    /// The replies of all upstreams to a read, as they arrive.
    fn replies(
        &self,
        call: &Call,
        deadline: Instant,
    ) -> impl Stream<Item = (&Upstream, Result<Reply, NoReply>)> + Unpin {
        let calls = self.upstreams.iter().map(|upstream| async move {
            let reply = upstream.call(call, Sharing::Any, deadline).await;
            if let Ok(reply) = &reply {
                self.saw(upstream, reply);
            }
            (&**upstream, reply)
        });
        calls.collect::<FuturesUnordered<_>>()
    }

    /// The first answer of a signer to a read of a list, which may be a refusal. `None` if no signer answers by the deadline.
    pub(super) async fn list(&self, path: &str, deadline: Instant) -> Option<Reply> {
        let call = Call::get(path);
        let mut replies = self.replies(&call, deadline);
        while let Some((_, reply)) = replies.next().await {
            let Ok(reply) = reply else { continue };
            let verdict = reply.signer.as_ref().map(|signer| signer.verdict);
            if matches!(verdict, Some(Verdict::Answered | Verdict::Refused)) {
                return Some(reply);
            }
        }
        None
    }

    /// Whether requests can be forwarded: the store is known, and an upstream is well.
    pub(super) fn is_ready(&self) -> bool {
        self.identities.store().is_some() && self.upstreams.iter().any(|upstream| !upstream.is_failing())
    }

    /// Reads the files with credentials again, in case they have changed.
    pub(super) fn refresh_files(&self) {
        if self.credentials.refresh() {
            for upstream in &self.upstreams {
                upstream.connections.replace_all();
            }
        }
        if self.authentication_key.as_ref().is_some_and(AuthenticationKey::refresh) {
            self.refresh.notify_waiters();
        }
    }

    /// Records the authorized keys that an upstream lists. If upstreams differ, the first non-empty list counts.
    pub(super) fn set_authorized_keys(&self, upstream: &Upstream, hashes: Vec<PublicKeyHash>) {
        if let Some(key) = &self.authentication_key
            && let public_key = key.public_key()
            && !hashes.is_empty()
            && !hashes.contains(&public_key.hash())
        {
            warn!(
                event = "relay_key_not_authorized",
                upstream = %upstream.url,
                public_key = %public_key,
                "the signer does not accept the key in RELAY_AUTHENTICATION_KEY_FILE: add this public key to its AUTHORIZED_KEYS"
            );
        }
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

    /// The answers that requests are waiting for.
    pub(super) fn in_flight(&self) -> MutexGuard<'_, HashMap<RequestIdentity, SharedAnswer>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
