//! Connections: how many, for how long, and which one is closed to make room.

use super::log_limit::warn_of_clients;
use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tower::ServiceExt;
use tracing::{info, warn};

/// Request heads have a few hundred bytes, and some thousand behind proxies.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The limits on connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Maximum number of open connections. At the limit, a connection is closed to make room for a new one: one that is waiting for
    /// a request or the rest of one, never one whose request the signer is working on.
    pub most: usize,
    /// How long a connection may stay open without a complete request head.
    pub idle: Duration,
    /// How long an open connection may send one more request after a shutdown has begun. A client that repeats no request whose
    /// body was sent, such as the Functions host, would lose a request that it sends while its connection is being closed.
    pub last_requests: Duration,
}

/// Serves until `shutdown` completes, then accepts no more connections and finishes the requests in flight, which may take as long as
/// `shutdown` returns. Open connections are added to `connections`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    connections: &OpenConnections,
    shutdown: impl Future<Output = Duration>,
) {
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let drain = loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            drain = &mut shutdown => break drain,
        };
        match accepted {
            Ok((stream, _)) => {
                if connections.count() >= limits.most && !connections.close_one() {
                    warn_of_clients(|suppressed| {
                        warn!(event = "connection_limit_reached", suppressed, "connection limit reached; rejecting");
                    });
                    continue;
                }
                start(stream, router.clone(), limits, connections, &graceful);
            }
            Err(error) => {
                // Probably out of file descriptors: close a connection, and try again after a pause.
                warn_of_clients(
                    |suppressed| warn!(event = "accept_failed", reason = %error, suppressed, "cannot accept a connection"),
                );
                connections.close_one();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let drained = Instant::now() + drain;
    connections.close_after_the_next_answer();
    for stream in backlog(listener).take(limits.most) {
        start(stream, router.clone(), limits, connections, &graceful);
    }
    info!(event = "shutting_down", "shutting down: finishing requests in flight");
    drop(tokio::time::timeout(limits.last_requests, connections.all_closed()).await);
    connections.close_those_without_a_request();
    if tokio::time::timeout_at(drained.into(), graceful.shutdown()).await.is_err() {
        warn!(event = "requests_aborted", "some requests did not end in time");
    }
}

/// The connections in the listener's backlog. Closing the listener would reset them.
fn backlog(listener: TcpListener) -> impl Iterator<Item = TcpStream> {
    let listener = listener.into_std().ok();
    std::iter::from_fn(move || listener.as_ref()?.accept().ok()).filter_map(|(stream, _)| {
        stream.set_nonblocking(true).ok()?;
        TcpStream::from_std(stream).ok()
    })
}

fn start(
    stream: TcpStream,
    router: Router,
    limits: ConnectionLimits,
    connections: &OpenConnections,
    graceful: &GracefulShutdown,
) {
    // A signature is one small write, which must not wait for more.
    drop(stream.set_nodelay(true));
    let connection = Arc::new(connections.add());
    let of_requests = Arc::clone(&connection);
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, connection) = (router.clone(), Arc::clone(&of_requests));
        async move {
            let has_arrived = hyper::body::Body::is_end_stream(request.body());
            connection.enters(if has_arrived { Phase::Answering } else { Phase::Arriving });
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Arrival(Arc::clone(&connection)));
            let response = router.oneshot(request).await;
            connection.enters(Phase::Answered);
            response.map(|mut response| {
                if connection.all.is_closing() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response
            })
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        // Some clients shut down their sending side after the request, and then read.
        .half_close(true)
        .header_read_timeout(limits.idle)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let served = graceful.watch(served);
    tokio::spawn(async move {
        tokio::select! {
            // Any error is the client's: a lost connection, or bytes that are not HTTP.
            _ = served => {}
            () = connection.state.close.notified() => {}
        }
    });
}

/// Accompanies a request. Once its body is complete, the signer is at work and the connection is not closed to make room.
#[derive(Clone)]
pub(crate) struct Arrival(Arc<Connection>);

impl Arrival {
    pub(crate) fn is_complete(&self) {
        self.0.enters(Phase::Answering);
    }
}

/// The state of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No request head has arrived yet.
    New,
    /// A request head has arrived, but not all of its body.
    Arriving,
    /// A request was answered, and the next has not begun.
    Answered,
    /// The signer is working on a request.
    Answering,
}

/// The open connections, numbered in the order in which they were opened.
#[derive(Clone, Default)]
pub struct OpenConnections {
    open: Arc<Mutex<HashMap<u64, Arc<ConnectionState>>>>,
    opened: Arc<AtomicU64>,
    is_closing: Arc<AtomicBool>,
    one_closed: Arc<Notify>,
}

/// One open connection. Dropping it removes it from the open ones.
struct Connection {
    number: u64,
    state: Arc<ConnectionState>,
    all: OpenConnections,
}

struct ConnectionState {
    at: Mutex<Entered>,
    close: Notify,
}

#[derive(Clone, Copy)]
struct Entered {
    phase: Phase,
    since: Instant,
}

/// How soon a connection is closed to make room: the smallest value first. Among equals, the one that has been waiting longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Eviction {
    class: EvictionClass,
    since: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum EvictionClass {
    /// Idle, and never answered.
    IdleUnanswered,
    /// Idle after an answer.
    IdleAnswered,
    /// Within the grace period.
    Recent,
}

/// How long a client that has connected or been answered may take to send a complete request before it counts as idle.
const IDLE_TIMEOUT: Duration = Duration::from_millis(300);

impl ConnectionState {
    fn at(&self) -> Entered {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How soon this connection is closed to make room; `None` while the signer is working on its request.
    fn eviction(&self, now: Instant) -> Option<Eviction> {
        let Entered { phase, since } = self.at();
        let is_idle = now.saturating_duration_since(since) >= IDLE_TIMEOUT;
        let class = match phase {
            Phase::Answering => return None,
            Phase::New | Phase::Arriving if is_idle => EvictionClass::IdleUnanswered,
            Phase::Answered if is_idle => EvictionClass::IdleAnswered,
            Phase::New | Phase::Arriving | Phase::Answered => EvictionClass::Recent,
        };
        Some(Eviction { class, since })
    }
}

impl OpenConnections {
    fn add(&self) -> Connection {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let at = Entered { phase: Phase::New, since: Instant::now() };
        let state = Arc::new(ConnectionState { at: Mutex::new(at), close: Notify::new() });
        self.lock().insert(number, Arc::clone(&state));
        Connection { number, state, all: self.clone() }
    }

    /// How many connections are open.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Closes one connection to make room; `false` if the signer is working on a request of every connection.
    fn close_one(&self) -> bool {
        let now = Instant::now();
        let mut open = self.lock();
        let first = open.iter().filter_map(|(number, state)| Some((state.eviction(now)?, *number))).min();
        match first.and_then(|(_, number)| open.remove(&number)) {
            Some(state) => {
                state.close.notify_one();
                true
            }
            None => false,
        }
    }

    /// From now on, closes each connection after its next answer, which announces the closing.
    fn close_after_the_next_answer(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    /// Waits until all connections are closed.
    async fn all_closed(&self) {
        while self.count() > 0 {
            self.one_closed.notified().await;
        }
    }

    /// Closes the connections that a shutdown need not wait for.
    fn close_those_without_a_request(&self) {
        for state in self.lock().values() {
            if matches!(state.at().phase, Phase::New | Phase::Answered) {
                state.close.notify_one();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<ConnectionState>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn enters(&self, phase: Phase) {
        *self.state.at.lock().unwrap_or_else(PoisonError::into_inner) = Entered { phase, since: Instant::now() };
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.lock().remove(&self.number);
        self.all.one_closed.notify_one();
    }
}
