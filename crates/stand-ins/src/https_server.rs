//! An HTTPS server whose answers the test computes, on connections that the test can break.

use crate::certificate::Certificate;
use crate::connections::Port;
use crate::serving::{Handler, serve_requests};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// The protocols that TLS negotiates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/2, or HTTP/1.1 for clients without it.
    Http2,
    /// HTTP/1.1 alone.
    Http1,
}

/// A server. It runs on its own threads, so a test may block, and stops when it is dropped.
#[derive(Debug)]
pub struct HttpsServer {
    port: Arc<Port>,
    authority_pem: String,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

impl HttpsServer {
    /// Starts one at this address; port 0 picks a free port. An error of `answer` breaks the connection, or with HTTP/2 the stream.
    /// The certificate is for the address, and for these names.
    ///
    /// # Errors
    /// If the port is not available.
    pub fn start<H, F>(address: SocketAddr, names: &[&str], protocols: Protocols, answer: H) -> io::Result<Self>
    where
        H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Response<Full<Bytes>>>> + Send,
    {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("https-server").enable_all().build()?;
        let names = names.iter().map(|name| (*name).to_owned()).chain([address.ip().to_string()]);
        let certificate = Certificate::make_for(names.collect::<Vec<_>>(), false)?;
        let tls = match protocols {
            Protocols::Http2 => certificate.acceptor(),
            Protocols::Http1 => certificate.acceptor_of_http1(),
        };
        let port = {
            let _inside = runtime.enter();
            Arc::new(Port::open_at(address)?)
        };
        let of_task = Arc::clone(&port);
        runtime.spawn(async move { serve_requests(Arc::new(Answering(answer)), &of_task, Some(tls)).await });
        Ok(Self { port, authority_pem: certificate.authority_pem, runtime: Some(runtime) })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its certificate authority, in PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// Number of connections accepted since the start.
    pub fn connections(&self) -> u64 {
        self.port.accepted()
    }

    /// Freezes every open connection for good: nothing is read and nothing is sent, not even a FIN. New connections work.
    pub fn freeze_connections(&self) {
        self.port.freeze_connections();
    }

    /// Ends every open connection as a server that restarts does: HTTP/2's GOAWAY, or `Connection: close`. Requests that have
    /// arrived are answered.
    pub fn retire_connections(&self) {
        self.port.retire_connections();
    }

    /// Closes the port, so that connections are refused, and all open connections that are not frozen; or opens the same port again.
    ///
    /// # Errors
    /// If another process has taken the port in the meantime.
    pub fn refuse_connections(&self, refuse: bool) -> io::Result<()> {
        self.port.refuse_connections(refuse)
    }
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        drop(self.port.refuse_connections(true));
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Answering<H>(H);

impl<H, F> Handler for Answering<H>
where
    H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<Response<Full<Bytes>>>> + Send,
{
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        (self.0)(Request::from_parts(head, body)).await
    }
}
