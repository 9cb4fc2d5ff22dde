//! One upstream: calls, health and counters.

use super::connection::Connector;
use super::connections::{ConnectionPool, Lease, Sharing};
use super::credential::Credentials;
use super::reply::{Reply, SignerHeaders, requires_token};
use super::{UpstreamUrl, counters::Counters};
use crate::azure::{NoToken, reason_of};
use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use axum::http::{Method, Request, Response, StatusCode};
use azure_core::time::parse_rfc7231;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

/// The longest answer of a signer that is read: a list of some thousand keys.
const MAX_REPLY_BYTES: usize = 512 * 1024;

/// Failures in a row after which the other upstreams go first.
const MAX_FAILURES: u32 = 2;

/// An upstream.
pub(super) struct Upstream {
    /// Its index in `RELAY_UPSTREAMS`.
    pub(super) index: usize,
    pub(super) url: UpstreamUrl,
    pub(super) counters: Arc<Counters>,
    pub(super) connections: Arc<ConnectionPool>,
    credentials: Arc<Credentials>,
    hedge: Duration,
    /// When the last answer arrived.
    answered: Mutex<Option<Instant>>,
    failures: AtomicU32,
    turned_failing: Notify,
}

/// A request to an upstream.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Below the base address.
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        let (query, headers) = Default::default();
        Self { method: Method::GET, path: path.into(), query, headers, body: None }
    }
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum NoReply {
    /// The connection could not be opened, or broke. Addresses and causes, but no credentials.
    #[error("{0}")]
    Connection(String),
    /// No answer arrived in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// There is no token for the request.
    #[error("no access token: {0}")]
    NoToken(#[from] NoToken),
    /// The answer is longer than any signer's.
    #[error("its answer is longer than {MAX_REPLY_BYTES} bytes")]
    TooLong,
}

impl Upstream {
    pub(super) fn new(
        index: usize,
        url: UpstreamUrl,
        connector: Connector,
        credentials: Arc<Credentials>,
        hedge: Duration,
    ) -> Self {
        let (counters, failures, turned_failing) = Default::default();
        let (connections, answered) = (Arc::new(ConnectionPool::new(connector)), Mutex::new(None));
        Self { index, url, counters, connections, credentials, hedge, answered, failures, turned_failing }
    }

    /// The same upstream with other settings. Its connections and counters are shared.
    pub(super) fn with_settings(&self, index: usize, credentials: Arc<Credentials>, hedge: Duration) -> Self {
        Self {
            index,
            url: self.url.clone(),
            counters: Arc::clone(&self.counters),
            connections: Arc::clone(&self.connections),
            credentials,
            hedge,
            answered: Mutex::new(None),
            failures: AtomicU32::new(self.failures.load(Ordering::Relaxed)),
            turned_failing: Notify::new(),
        }
    }

    /// Sends a request with the upstream's credential, and reads the reply until the deadline.
    ///
    /// A reused connection that breaks before the answer is replaced once, at once. So is one that is silent for twice the hedging
    /// time, while the upstream answers nothing else: it is presumed dead.
    ///
    /// # Errors
    /// [`NoReply`].
    pub(super) async fn call(&self, call: &Call, sharing: Sharing, deadline: Instant) -> Result<Reply, NoReply> {
        self.counters.requested();
        let start = Instant::now();
        let late = NoReply::Late(deadline.saturating_duration_since(start));
        let reply = timeout_at(deadline, self.call_with_credential(call, sharing, start)).await;
        reply.unwrap_or(Err(late))
    }

    /// Repeats a request once that the platform rejects, if there is another credential by then.
    async fn call_with_credential(&self, call: &Call, sharing: Sharing, start: Instant) -> Result<Reply, NoReply> {
        let credential = self.credentials.headers(self.index).await?;
        let mut reply = self.call_over_a_living_connection(call, &credential, sharing, start).await?;
        let is_rejected = matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if reply.signer.is_none()
            && is_rejected
            && let Some(other) = self.credentials.after_rejection(self.index, &credential).await
        {
            reply = self.call_over_a_living_connection(call, &other, sharing, Instant::now()).await?;
        }
        if reply.signer.is_some() {
            self.credentials.accepted(self.index);
        }
        Ok(reply)
    }

    async fn call_over_a_living_connection(
        &self,
        call: &Call,
        credential: &HeaderMap,
        sharing: Sharing,
        start: Instant,
    ) -> Result<Reply, NoReply> {
        let Some(lease) = self.connections.take(sharing) else {
            return self.call_over_a_new_connection(call, credential).await;
        };
        let is_reused = lease.connection.is_reused();
        let first = self.call_over(lease, call, credential);
        if !is_reused {
            return first.await;
        }
        tokio::select! {
            reply = first => match reply {
                Err(NoReply::Connection(_)) => {}
                reply => return reply,
            },
            () = self.is_silent(start) => {}
        }
        self.call_over_a_new_connection(call, credential).await
    }

    async fn call_over_a_new_connection(&self, call: &Call, credential: &HeaderMap) -> Result<Reply, NoReply> {
        let lease = self.connections.open_new().await.map_err(|error| NoReply::Connection(error.to_string()))?;
        self.call_over(lease, call, credential).await
    }

    /// Returns when the upstream has answered nothing for twice the hedging time since `start`. Discards idle connections before
    /// the hedge is due, so that the hedge opens a new one.
    async fn is_silent(&self, start: Instant) {
        tokio::time::sleep_until(start + self.hedge * 15 / 16).await;
        if self.has_answered_since(start) {
            return std::future::pending().await;
        }
        self.connections.discard_unused_since(start);
        tokio::time::sleep_until(start + self.hedge * 2).await;
        if self.has_answered_since(start) {
            std::future::pending::<()>().await;
        }
    }

    fn has_answered_since(&self, instant: Instant) -> bool {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|answered| answered > instant)
    }

    /// Tests a connection without a credential. The platform rejects the request, which costs nothing, and a signer without a
    /// platform answers it; any answer shows that the connection works.
    ///
    /// # Errors
    /// [`NoReply`].
    pub(super) async fn probe(&self, lease: Lease<'_>, timeout: Duration) -> Result<Duration, NoReply> {
        let start = Instant::now();
        let (call, no_credential) = (Call::get("/authorized_keys"), HeaderMap::new());
        let probe = tokio::time::timeout(timeout, self.call_over(lease, &call, &no_credential));
        probe.await.unwrap_or(Err(NoReply::Late(timeout)))?;
        self.counters.probed(start.elapsed());
        Ok(start.elapsed())
    }

    /// One request over one connection, which is kept if the answer is complete.
    async fn call_over(&self, lease: Lease<'_>, call: &Call, credential: &HeaderMap) -> Result<Reply, NoReply> {
        let request = self.request(call, credential).map_err(|error| failed(&error))?;
        let response = lease.connection.send(request).await.map_err(|error| failed(&error))?;
        let reply = read(response).await?;
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        lease.answered();
        Ok(reply)
    }

    fn request(&self, call: &Call, credential: &HeaderMap) -> axum::http::Result<Request<Full<Bytes>>> {
        let query: Vec<_> = call.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let url = self.url.join(&call.path, &query);
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(url.as_str())
            .body(Full::new(call.body.clone().unwrap_or_default()))?;
        let headers = request.headers_mut();
        headers.clone_from(&call.headers);
        if call.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(credential.clone());
        Ok(request)
    }

    /// What a reply that is not a signer's says, and what to do about it.
    pub(super) fn reason_of_platform(&self, reply: &Reply) -> String {
        reply.reason_of_platform(self.credentials.kinds(self.index))
    }

    /// Whether requests should go to the others first.
    pub(super) fn is_failing(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= MAX_FAILURES
    }

    /// Returns when requests should go to the others first.
    pub(super) async fn fails(&self) {
        while !self.is_failing() {
            self.turned_failing.notified().await;
        }
    }

    /// Records that it did what was requested.
    pub(super) fn succeeded(&self) {
        if self.failures.swap(0, Ordering::Relaxed) >= MAX_FAILURES {
            info!(event = "relay_upstream_recovered", upstream = %self.url, "the upstream answers again");
        }
    }

    /// Records a failure, and logs the one that makes the others go first.
    pub(super) fn failed(&self, reason: &str) {
        self.counters.failed();
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 == MAX_FAILURES {
            self.turned_failing.notify_one();
            warn!(
                event = "relay_upstream_failing",
                upstream = %self.url,
                reason,
                "the upstream has failed twice in a row: others go first"
            );
        }
    }
}

async fn read(response: Response<Incoming>) -> Result<Reply, NoReply> {
    let (head, mut incoming) = response.into_parts();
    let (status, signer) = (head.status, SignerHeaders::read(&head.headers));
    let requires_token = requires_token(&head.headers);
    let date = head.headers.get(DATE).and_then(|date| parse_rfc7231(date.to_str().ok()?).ok());
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| failed(&error))?;
        let chunk = frame.data_ref().map_or(&[][..], |chunk| chunk);
        if body.len() + chunk.len() > MAX_REPLY_BYTES {
            return Err(NoReply::TooLong);
        }
        body.extend_from_slice(chunk);
    }
    Ok(Reply { status, signer, body: body.into(), date, requires_token })
}

fn failed(error: &(dyn Error + 'static)) -> NoReply {
    NoReply::Connection(reason_of(error))
}
