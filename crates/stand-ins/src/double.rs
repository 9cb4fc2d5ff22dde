//! What all doubles share: connections, delays, faults, and request counts.

use crate::answers::Answer;
use crate::connections::{Connection, Port};
use crate::delay::Delay;
use crate::faults::{BadSignature, Effect, Failure, Faults, Operation};
use crate::precise_timer::PreciseTimer;
use crate::requests::Requests;
use crate::serving::{Handler, serve_requests};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use std::future::{Future, pending};
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio_rustls::TlsAcceptor;

/// The behaviour of one service.
pub(crate) trait Double: Send + Sync + 'static {
    /// Classifies a request.
    fn operation(&self, request: &Parts) -> Operation;

    /// Executes a request. Only the vault heeds [`Task::bad_signature`].
    fn work(&self, task: Task) -> impl Future<Output = Answer> + Send;

    /// The service's error response for an injected failure.
    fn failure(&self, failure: Failure) -> Answer;
}

/// A request, classified, with its complete body.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) operation: Operation,
    pub(crate) request: Request<Bytes>,
    pub(crate) bad_signature: Option<BadSignature>,
}

/// What a test can change about any double at run time.
#[derive(Debug)]
pub(crate) struct Controls {
    pub(crate) port: Port,
    pub(crate) faults: Faults,
    pub(crate) requests: Requests,
    latency: Mutex<Delay>,
    timer: Arc<PreciseTimer>,
}

impl Controls {
    pub(crate) fn new(port: Port, timer: &Arc<PreciseTimer>) -> Arc<Self> {
        let timer = Arc::clone(timer);
        Arc::new(Self {
            port,
            faults: Faults::default(),
            requests: Requests::default(),
            latency: Mutex::new(Delay::NONE),
            timer,
        })
    }

    pub(crate) fn set_latency(&self, latency: Delay) {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner) = latency;
    }

    fn latency(&self) -> Delay {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the double on its port, over TLS if an acceptor is given. Never returns.
pub(crate) async fn serve<D: Double>(double: Arc<D>, controls: Arc<Controls>, tls: Option<TlsAcceptor>) {
    let faulty = Faulty { double, controls: Arc::clone(&controls) };
    serve_requests(Arc::new(faulty), &controls.port, tls).await;
}

/// A double with its faults and delays.
struct Faulty<D> {
    double: Arc<D>,
    controls: Arc<Controls>,
}

impl<D: Double> Handler for Faulty<D> {
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Answer> {
        let connection = request.extensions().get::<Weak<Connection>>().cloned().unwrap_or_default();
        answer(Instant::now(), request, Arc::clone(&self.double), Arc::clone(&self.controls), connection).await
    }
}

/// Answers a request, subject to faults and delays.
async fn answer<D: Double>(
    arrival: Instant,
    request: Request<Incoming>,
    double: Arc<D>,
    controls: Arc<Controls>,
    connection: Weak<Connection>,
) -> io::Result<Answer> {
    let (head, body) = request.into_parts();
    let operation = double.operation(&head);
    let met = controls.faults.meet(operation);
    let delay = controls.latency().sample().max(met.delay.map_or(Duration::ZERO, Delay::sample));
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    // Only now: a client that dies after it has been counted has sent everything.
    controls.requests.count(operation);
    let bad_signature = match met.effect {
        Some(Effect::BadSignature(bad_signature)) => Some(bad_signature),
        _ => None,
    };
    let task = Task { operation, request: Request::from_parts(head, body), bad_signature };

    let start_of_work = match met.effect {
        Some(Effect::LateWork(late)) => arrival + late.sample(),
        _ => arrival,
    };
    let work = || work(Arc::clone(&double), Arc::clone(&controls), task, start_of_work);
    let due = || controls.timer.until(arrival + delay);
    let close = || {
        if let Some(connection) = connection.upgrade() {
            connection.close();
        }
    };
    match met.effect {
        None | Some(Effect::Delay(_) | Effect::LateWork(_) | Effect::BadSignature(_)) => {
            let answer = work().await;
            due().await;
            answer
        }
        Some(Effect::Status { status, sub_status, retry_after }) => {
            due().await;
            Ok(double.failure(Failure { status, sub_status, retry_after }))
        }
        Some(Effect::StatusAfterWork { status, sub_status, retry_after }) => {
            work().await?;
            due().await;
            Ok(double.failure(Failure { status, sub_status, retry_after }))
        }
        Some(Effect::Hang) => pending().await,
        Some(Effect::HangAfterWork) => {
            work().await?;
            pending().await
        }
        Some(Effect::CloseBeforeAnswer) => {
            due().await;
            close();
            pending().await
        }
        Some(Effect::CloseAfterWork) => {
            work().await?;
            due().await;
            close();
            pending().await
        }
    }
}

/// Does the work in a separate task, so that it completes even if the client disconnects.
async fn work<D: Double>(double: Arc<D>, controls: Arc<Controls>, task: Task, start: Instant) -> io::Result<Answer> {
    let work = tokio::spawn(async move {
        controls.timer.until(start).await;
        double.work(task).await
    });
    work.await.map_err(io::Error::other)
}

/// Methods for every handle of a double. The handle has a field `controls`.
macro_rules! controllable {
    ($handle:ty) => {
        impl $handle {
            /// The service's faults; none at first.
            pub fn faults(&self) -> &crate::faults::Faults {
                &self.controls.faults
            }

            /// Freezes every open connection for good: nothing is read and nothing is sent, not even a FIN. New connections
            /// work.
            pub fn freeze_connections(&self) {
                self.controls.port.freeze_connections();
            }

            /// Closes the port, so that connections are refused, and all open connections that are not frozen; or opens
            /// the same port again.
            ///
            /// # Panics
            /// If another process has taken the port in the meantime.
            #[allow(clippy::expect_used, reason = "a test cannot go on without its stand-ins")]
            pub fn refuse_connections(&self, refuse: bool) {
                self.controls.port.refuse_connections(refuse).expect("the port should still be free");
            }

            /// Number of requests for `operation` since the start or the last reset, answered or not.
            pub fn requests(&self, operation: crate::faults::Operation) -> u64 {
                self.controls.requests.of(operation)
            }

            /// Number of requests, by operation.
            pub fn all_requests(&self) -> std::collections::HashMap<crate::faults::Operation, u64> {
                self.controls.requests.all()
            }

            /// Resets the counts.
            pub fn reset_requests(&self) {
                self.controls.requests.reset();
            }

            /// Number of connections accepted since the start.
            pub fn connections(&self) -> u64 {
                self.controls.port.accepted()
            }

            /// Sets the time from a request's arrival to its response. A longer delay among the faults takes precedence.
            pub fn latency(&self, latency: crate::delay::Delay) {
                self.controls.set_latency(latency);
            }

            /// The address that it listens on.
            pub fn address(&self) -> std::net::SocketAddr {
                self.controls.port.address()
            }
        }
    };
}
pub(crate) use controllable;
