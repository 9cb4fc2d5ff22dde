//! Connections: how many, how long, and whose turn it is to go.

use super::routes::without_empty_segments;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tower::ServiceExt;
use tracing::{info, warn};

/// How connections are bounded.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// How many there are at most. When there is one more, the one that has been without a request for longest is closed.
    pub most: usize,
    /// How long a connection may be without a whole request head.
    pub idle: Duration,
    /// How long requests in flight may take to end after a shutdown has begun.
    pub drain: Duration,
}

/// Serves until `shutdown` is ready, then takes no more connections and ends what is in flight.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Arc::new(Connections::default());
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, _)) => {
                if connections.count() >= limits.most && !connections.close_longest_waiting() {
                    warn!(connections = limits.most, "all connections are busy: a new one is turned away");
                    continue;
                }
                start(stream, router.clone(), limits, &connections, &graceful);
            }
            Err(error) => {
                // Out of file descriptors, most likely: room is made, and the next try waits for it.
                warn!(reason = %error, "a connection could not be taken");
                connections.close_longest_waiting();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    drop(listener);
    info!("shutting down: requests in flight are finished");
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        warn!("some requests did not end in time");
    }
}

fn start(
    stream: TcpStream,
    router: Router,
    limits: ConnectionLimits,
    connections: &Arc<Connections>,
    graceful: &GracefulShutdown,
) {
    // A signature is one small write: it must not wait for more.
    drop(stream.set_nodelay(true));
    let connection = connections.add();
    let (state, all) = (Arc::clone(&connection.state), Arc::clone(connections));
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        let busy = Busy::new(&state, &all);
        async move {
            let request = without_empty_segments(request.map(Body::new));
            let response = router.oneshot(request).await;
            drop(busy);
            response
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .serve_connection(TokioIo::new(stream), service);
    let served = graceful.watch(served);
    tokio::spawn(async move {
        tokio::select! {
            // Errors are those of the client: a connection lost, or bytes that are no HTTP.
            _ = served => {}
            () = connection.state.close.notified() => {}
        }
        drop(connection);
    });
}

/// The open connections.
#[derive(Default)]
struct Connections {
    open: Mutex<HashMap<u64, Arc<State>>>,
    clock: AtomicU64,
}

/// One open connection; it is forgotten when this is dropped.
struct Connection {
    number: u64,
    state: Arc<State>,
    all: Arc<Connections>,
}

struct State {
    requests_in_flight: AtomicUsize,
    /// When it began to wait for a request: a number that rises with every such moment.
    waits_since: AtomicU64,
    close: Notify,
}

/// Counts a request in flight while it lives.
struct Busy {
    state: Arc<State>,
    all: Arc<Connections>,
}

impl Busy {
    fn new(state: &Arc<State>, all: &Arc<Connections>) -> Self {
        state.requests_in_flight.fetch_add(1, Ordering::Relaxed);
        Self { state: Arc::clone(state), all: Arc::clone(all) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.state.waits_since.store(self.all.now(), Ordering::Relaxed);
        self.state.requests_in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connections {
    fn add(self: &Arc<Self>) -> Connection {
        let number = self.now();
        let state = Arc::new(State {
            requests_in_flight: AtomicUsize::new(0),
            waits_since: AtomicU64::new(number),
            close: Notify::new(),
        });
        self.lock().insert(number, Arc::clone(&state));
        Connection { number, state, all: Arc::clone(self) }
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    fn count(&self) -> usize {
        self.lock().len()
    }

    /// Closes the connection that has waited longest for a request. `false` if all have one in flight.
    fn close_longest_waiting(&self) -> bool {
        let mut open = self.lock();
        let longest_waiting = open
            .iter()
            .filter(|(_, state)| state.requests_in_flight.load(Ordering::Relaxed) == 0)
            .min_by_key(|(_, state)| state.waits_since.load(Ordering::Relaxed))
            .map(|(number, _)| *number);
        match longest_waiting.and_then(|number| open.remove(&number)) {
            Some(state) => {
                state.close.notify_one();
                true
            }
            None => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<State>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.lock().remove(&self.number);
    }
}
