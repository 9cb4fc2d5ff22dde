//! One connection to an upstream: HTTP/2 where TLS negotiates it, and HTTP/1.1 otherwise.

use super::UpstreamUrl;
use crate::azure::{TlsRoots, reason_of};
use crate::net::dns::Resolver;
use axum::body::Bytes;
use axum::http::header::HOST;
use axum::http::{HeaderValue, Request, Response, Uri};
use futures::future::{BoxFuture, Either, poll_fn};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tower::{Service, ServiceExt};

/// Time to open a connection, TLS handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A dead connection is found within the sum of these two, which is less than the time between two blocks.
const PING_INTERVAL: Duration = Duration::from_secs(3);
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Requests at a time on one HTTP/2 connection: fewer than any server permits.
const MAX_STREAMS: usize = 32;

/// How much of an answer may arrive before it is read.
const WINDOW_BYTES: u32 = 256 * 1024;

type Body = Full<Bytes>;

/// Opens connections to one upstream. Each resolves the host name, unless the answer of the last resolution is still valid.
pub(super) struct Connector {
    address: Uri,
    tcp: HttpConnector<SharedResolver>,
    resolver: Arc<Resolver>,
    /// `None` for `http` on this machine.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// Notified whenever a connection has ended.
    pub(super) ended: Arc<Notify>,
}

/// An upstream's address cannot be used. [`UpstreamUrl`] accepts no such address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0} has no host name that TLS can verify")]
pub struct UnusableAddress(String);

/// Why a connection cannot be opened.
#[derive(Debug, Error)]
pub(super) enum CannotOpen {
    #[error("cannot connect: {}", reason_of(&**.0))]
    Connect(Box<dyn Error + Send + Sync>),
    #[error("no TLS connection: {}", reason_of(.0))]
    Tls(io::Error),
    #[error("no HTTP connection: {}", reason_of(.0))]
    Http(hyper::Error),
    #[error("cannot connect within {} s", CONNECT_TIMEOUT.as_secs())]
    Late,
}

impl Connector {
    /// `identity` selects the certificate that is presented to an upstream that requires one, for each new connection.
    ///
    /// # Errors
    /// [`UnusableAddress`].
    pub(super) fn new(
        url: &UpstreamUrl,
        roots: &TlsRoots,
        resolver: Arc<Resolver>,
        identity: Option<Arc<dyn ResolvesClientCert>>,
    ) -> Result<Self, UnusableAddress> {
        let unusable = || UnusableAddress(url.to_string());
        let address: Uri = url.to_string().parse().map_err(|_| unusable())?;
        let host = address.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let tls = if address.scheme_str() == Some("https") {
            let name = ServerName::try_from(host.to_owned()).map_err(|_| unusable())?;
            let mut config = roots.client_config(identity);
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        let mut tcp = HttpConnector::new_with_resolver(SharedResolver(Arc::clone(&resolver)));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(15)));
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Ok(Self { address, tcp, resolver, tls, ended: Arc::default() })
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// [`CannotOpen`].
    pub(super) async fn open(&self) -> Result<Connection, CannotOpen> {
        let opened = timeout(CONNECT_TIMEOUT, self.try_to_open()).await.unwrap_or(Err(CannotOpen::Late));
        if matches!(opened, Err(CannotOpen::Connect(_) | CannotOpen::Late)) {
            // The upstream may have moved before the last resolution has expired.
            self.resolver.forget();
        }
        opened
    }

    async fn try_to_open(&self) -> Result<Connection, CannotOpen> {
        let stream = self.tcp.clone().oneshot(self.address.clone()).await;
        let stream = stream.map_err(|error| CannotOpen::Connect(error.into()))?.into_inner();
        let Some((tls, name)) = &self.tls else { return self.http1(stream).await };
        let stream = tls.connect(name.clone(), stream).await.map_err(CannotOpen::Tls)?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if is_http2 { self.http2(stream).await } else { self.http1(stream).await }
    }

    async fn http1(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Connection, CannotOpen> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(CannotOpen::Http)?;
        self.run(connection);
        Ok(Connection::new(Sender::Http1(sender)))
    }

    async fn http2(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Connection, CannotOpen> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new());
        builder.keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_TIMEOUT).keep_alive_while_idle(true);
        builder.initial_stream_window_size(WINDOW_BYTES).initial_connection_window_size(2 * WINDOW_BYTES);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(CannotOpen::Http)?;
        self.run(connection);
        Ok(Connection::new(Sender::Http2(sender)))
    }

    /// Runs the connection until it ends: closed by either side, broken, or without an answer to a ping.
    fn run(&self, connection: impl Future<Output = hyper::Result<()>> + Send + 'static) {
        let ended = Arc::clone(&self.ended);
        tokio::spawn(async move {
            // Whoever waits for an answer gets the error.
            drop(connection.await);
            ended.notify_one();
        });
    }
}

/// An open connection. It ends when nothing holds it any more.
pub(super) struct Connection {
    sender: Mutex<Sender>,
    is_http2: bool,
    pub(super) in_flight: AtomicUsize,
    has_answered: AtomicBool,
    is_replaced: AtomicBool,
    last_used: Mutex<Instant>,
}

enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Connection {
    fn new(sender: Sender) -> Self {
        let is_http2 = matches!(sender, Sender::Http2(_));
        let (in_flight, has_answered, is_replaced) = Default::default();
        let (sender, last_used) = (Mutex::new(sender), Mutex::new(Instant::now()));
        Self { sender, is_http2, in_flight, has_answered, is_replaced, last_used }
    }

    /// Sends a request with an absolute address.
    ///
    /// # Errors
    /// If the connection breaks before the answer, or has ended.
    pub(super) async fn send(&self, mut request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        poll_fn(|context| match &mut *self.sender() {
            Sender::Http1(sender) => sender.poll_ready(context),
            Sender::Http2(sender) => sender.poll_ready(context),
        })
        .await?;
        let answer = match &mut *self.sender() {
            Sender::Http1(sender) => {
                name_host_in_header(&mut request);
                Either::Left(sender.send_request(request))
            }
            Sender::Http2(sender) => Either::Right(sender.send_request(request)),
        };
        answer.await
    }

    /// Whether it can take another request. An HTTP/1.1 connection carries one at a time.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight() < if self.is_http2 { MAX_STREAMS } else { 1 }
    }

    /// The requests that it is carrying.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn has_ended(&self) -> bool {
        match &*self.sender() {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Records a complete answer.
    pub(super) fn answered(&self) {
        self.has_answered.store(true, Ordering::Relaxed);
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Marks it: no further request may use it.
    pub(super) fn replace(&self) {
        self.is_replaced.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Relaxed)
    }

    /// Whether it has answered a request before. Such a connection may be dead without anyone having noticed.
    pub(super) fn is_reused(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    /// When the last answer was complete, or when it was opened.
    pub(super) fn last_used(&self) -> Instant {
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sender(&self) -> MutexGuard<'_, Sender> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The form of HTTP/1.1: the host in a header, and the rest of the address in the first line.
fn name_host_in_header(request: &mut Request<Body>) {
    let uri = std::mem::take(request.uri_mut()).into_parts();
    if let Some(host) = uri.authority.and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()) {
        request.headers_mut().insert(HOST, host);
    }
    if let Some(target) = uri.path_and_query {
        *request.uri_mut() = target.into();
    }
}

#[derive(Clone)]
struct SharedResolver(Arc<Resolver>);

impl Service<Name> for SharedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = Arc::clone(&self.0);
        Box::pin(async move { Ok(resolver.addresses(name.as_str()).await?.into_iter()) })
    }
}
