//! Connections: how many, how long, and whose turn it is to go.

use super::log_limit::warn_of_clients;
use super::routes::without_empty_segments;
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

/// Heads of requests are a few hundred bytes, some thousand behind proxies.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How connections are bounded.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// How many there are at most. When there is one more, another one is closed to make room: one
    /// that has let wait for a request, or for the rest of one, never one for which the signer is at work.
    pub most: usize,
    /// How long a connection may be without a whole request head.
    pub idle: Duration,
    /// How long after a shutdown has begun requests in flight may take to end.
    pub drain: Duration,
    /// How long after a shutdown has begun a connection that is open may send one more request. Whoever repeats no request whose
    /// body was sent, as the Functions host does not, loses one that a closed connection meets on its way.
    pub last_requests: Duration,
}

/// Serves until `shutdown` is ready, then takes no more connections and ends what is in flight.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Connections::default();
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, _)) => {
                if connections.count() >= limits.most && !connections.close_one() {
                    warn_of_clients(|unsaid| {
                        warn!(event = "connection_limit_reached", unsaid, "connection limit reached; rejecting");
                    });
                    continue;
                }
                start(stream, router.clone(), limits, &connections, &graceful);
            }
            Err(error) => {
                // Out of file descriptors, most likely: room is made, and the next try waits for it.
                warn_of_clients(
                    |unsaid| warn!(event = "accept_failed", reason = %error, unsaid, "cannot accept a connection"),
                );
                connections.close_one();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    let drained = Instant::now() + limits.drain;
    connections.close_after_the_next_answer();
    for stream in waiting(listener).take(limits.most) {
        start(stream, router.clone(), limits, &connections, &graceful);
    }
    info!(event = "shutting_down", "shutting down: finishing requests in flight");
    drop(tokio::time::timeout(limits.last_requests, connections.all_closed()).await);
    connections.close_those_without_a_request();
    if tokio::time::timeout_at(drained.into(), graceful.shutdown()).await.is_err() {
        warn!(event = "requests_aborted", "some requests did not end in time");
    }
}

/// The connections that clients have made, and nobody has taken yet. Closing the listener would reset them.
fn waiting(listener: TcpListener) -> impl Iterator<Item = TcpStream> {
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
    connections: &Connections,
    graceful: &GracefulShutdown,
) {
    // A signature is one small write: it must not wait for more.
    drop(stream.set_nodelay(true));
    let connection = Arc::new(connections.add());
    let of_requests = Arc::clone(&connection);
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, connection) = (router.clone(), Arc::clone(&of_requests));
        async move {
            let has_arrived = hyper::body::Body::is_end_stream(request.body());
            connection.enters(if has_arrived { Phase::Answering } else { Phase::Arriving });
            let mut request = without_empty_segments(request.map(Body::new));
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
        // Some clients shut their side when they have sent their request, and then read.
        .half_close(true)
        .header_read_timeout(limits.idle)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let served = graceful.watch(served);
    tokio::spawn(async move {
        tokio::select! {
            // Errors are those of the client: a connection lost, or bytes that are no HTTP.
            _ = served => {}
            () = connection.state.close.notified() => {}
        }
    });
}

/// Goes with a request, and is told when its body has arrived in full: from then on the signer is at work, and the
/// connection is not closed to make room.
#[derive(Clone)]
pub(super) struct Arrival(Arc<Connection>);

impl Arrival {
    pub(super) fn is_complete(&self) {
        self.0.enters(Phase::Answering);
    }
}

/// What a connection is at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has arrived in full yet.
    New,
    /// The head of a request has arrived, its body has not.
    Arriving,
    /// It has had an answer, and waits for the next request.
    Answered,
    /// A request is in the signer's hands.
    Answering,
}

/// The open connections, by the order in which they were opened.
#[derive(Clone, Default)]
struct Connections {
    open: Arc<Mutex<HashMap<u64, Arc<ConnectionState>>>>,
    opened: Arc<AtomicU64>,
    is_closing: Arc<AtomicBool>,
    one_closed: Arc<Notify>,
}

/// One open connection; it is forgotten when this is dropped.
struct Connection {
    number: u64,
    state: Arc<ConnectionState>,
    all: Connections,
}

struct ConnectionState {
    at: Mutex<(Phase, Instant)>,
    close: Notify,
}

/// A client that has just connected or been answered is given this long to send a request in full.
const PATIENCE: Duration = Duration::from_millis(300);

impl ConnectionState {
    fn at(&self) -> (Phase, Instant) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose turn it is to be closed: the smallest goes first. Those that were never answered, then those that were, then,
    /// if nobody has let wait longer than [`PATIENCE`], anybody; among equals, the one that has let wait longest. `None`
    /// while the signer is at work for it.
    fn turn_to_go(&self, now: Instant) -> Option<(u8, Instant)> {
        let (phase, since) = self.at();
        let is_late = now.saturating_duration_since(since) >= PATIENCE;
        match phase {
            Phase::Answering => None,
            Phase::New | Phase::Arriving if is_late => Some((0, since)),
            Phase::Answered if is_late => Some((1, since)),
            _ => Some((2, since)),
        }
    }
}

impl Connections {
    fn add(&self) -> Connection {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(ConnectionState { at: Mutex::new((Phase::New, Instant::now())), close: Notify::new() });
        self.lock().insert(number, Arc::clone(&state));
        Connection { number, state, all: self.clone() }
    }

    fn count(&self) -> usize {
        self.lock().len()
    }

    /// Closes the connection whose turn it is. `false` if the signer is at work for all of them.
    fn close_one(&self) -> bool {
        let now = Instant::now();
        let mut open = self.lock();
        let first = open.iter().filter_map(|(number, state)| Some((state.turn_to_go(now)?, *number))).min();
        match first.and_then(|(_, number)| open.remove(&number)) {
            Some(state) => {
                state.close.notify_one();
                true
            }
            None => false,
        }
    }

    /// From now on, each connection is closed in good order: its client learns so with the next answer.
    fn close_after_the_next_answer(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    /// Waits until none is open.
    async fn all_closed(&self) {
        while self.count() > 0 {
            self.one_closed.notified().await;
        }
    }

    /// Closes what a shutdown need not wait for.
    fn close_those_without_a_request(&self) {
        for state in self.lock().values() {
            if matches!(state.at().0, Phase::New | Phase::Answered) {
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
        *self.state.at.lock().unwrap_or_else(PoisonError::into_inner) = (phase, Instant::now());
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.lock().remove(&self.number);
        self.all.one_closed.notify_one();
    }
}
