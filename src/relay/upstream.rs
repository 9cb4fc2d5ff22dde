//! One upstream: calls, health and counters.

use super::connections::{Connection, ConnectionPool};
use super::credential::Credentials;
use super::reply::{Reply, SignerHeaders};
use super::{UpstreamUrl, counters::Counters};
use crate::azure::{TlsRoots, reason_of};
use axum::body::Bytes;
use azure_core::http::Url;
use azure_core::time::parse_rfc7231;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
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
    pub(super) counters: Counters,
    pub(super) connections: ConnectionPool,
    credentials: Arc<Credentials>,
    hedge: Duration,
    /// When the last answer arrived.
    answered: Mutex<Option<Instant>>,
    failures: AtomicU32,
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
    /// The answer is longer than any signer's.
    #[error("its answer is longer than {MAX_REPLY_BYTES} bytes")]
    TooLong,
}

impl Upstream {
    pub(super) fn new(
        index: usize,
        url: UpstreamUrl,
        roots: TlsRoots,
        credentials: Arc<Credentials>,
        hedge: Duration,
    ) -> Self {
        let (counters, failures) = Default::default();
        let (connections, answered) = (ConnectionPool::new(roots), Mutex::new(None));
        Self { index, url, counters, connections, credentials, hedge, answered, failures }
    }

    /// Sends a request with the upstream's credential, and reads the reply until the deadline.
    ///
    /// A reused connection that breaks before the answer is replaced once, at once. So is one that is silent for twice the hedging
    /// time, while the upstream answers nothing else: it is presumed dead.
    ///
    /// # Errors
    /// [`NoReply`].
    pub(super) async fn call(&self, call: &Call, deadline: Instant) -> Result<Reply, NoReply> {
        self.counters.requested();
        let start = Instant::now();
        let late = NoReply::Late(deadline.saturating_duration_since(start));
        let reply = timeout_at(deadline, self.call_over_a_living_connection(call, start)).await;
        reply.unwrap_or(Err(late))
    }

    async fn call_over_a_living_connection(&self, call: &Call, start: Instant) -> Result<Reply, NoReply> {
        let connection = self.connections.take().map_err(|error| failed(&error))?;
        if !connection.is_reused() {
            return self.call_over(connection, call, self.credential()).await;
        }
        let replaced = {
            let mut first = std::pin::pin!(self.call_over(connection, call, self.credential()));
            tokio::select! {
                reply = &mut first => match reply {
                    Err(NoReply::Connection(_)) => None,
                    reply => return reply,
                },
                () = self.is_silent(start) => None,
            }
        };
        let Some(reply) = replaced else {
            let connection = self.connections.open().map_err(|error| failed(&error))?;
            return self.call_over(connection, call, self.credential()).await;
        };
        reply
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
    pub(super) async fn probe(&self, connection: Connection, timeout: Duration) -> Result<Duration, NoReply> {
        let start = Instant::now();
        let call = Call::get("/authorized_keys");
        let probe = tokio::time::timeout(timeout, self.call_over(connection, &call, HeaderMap::new()));
        probe.await.unwrap_or(Err(NoReply::Late(timeout)))?;
        self.counters.probed(start.elapsed());
        Ok(start.elapsed())
    }

    /// One request over one connection, which is kept if the answer is complete.
    async fn call_over(&self, connection: Connection, call: &Call, credential: HeaderMap) -> Result<Reply, NoReply> {
        let query: Vec<_> = call.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let url: Url = self.url.join(&call.path, &query);
        let mut request =
            connection.client.request(call.method.clone(), url).headers(call.headers.clone()).headers(credential);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body.clone());
        }
        let reply = read(request).await;
        if reply.is_ok() {
            *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.connections.give_back(connection);
        }
        reply
    }

    fn credential(&self) -> HeaderMap {
        self.credentials.headers(self.index)
    }

    /// Whether requests should go to the others first.
    pub(super) fn is_failing(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= MAX_FAILURES
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
            warn!(
                event = "relay_upstream_failing",
                upstream = %self.url,
                reason,
                "the upstream has failed twice in a row: others go first"
            );
        }
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<Reply, NoReply> {
    let mut response = request.send().await.map_err(|error| failed(&error))?;
    let (status, signer) = (response.status(), SignerHeaders::read(response.headers()));
    let date = response.headers().get(DATE).and_then(|date| parse_rfc7231(date.to_str().ok()?).ok());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        if body.len() + chunk.len() > MAX_REPLY_BYTES {
            return Err(NoReply::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, signer, body: body.into(), date })
}

/// Without the address, whose query may hold an authentication.
fn failed(error: &reqwest::Error) -> NoReply {
    NoReply::Connection(reason_of(error))
}
