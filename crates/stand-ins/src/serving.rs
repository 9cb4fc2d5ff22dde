//! Serving requests on a port: TLS, and HTTP/1.1 or HTTP/2.

use crate::answers::Answer;
use crate::client_certificate::ClientCertificate;
use crate::connections::{Connection, ConnectionNumber, Port};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

/// What answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers a request, whose extensions hold its [`Connection`]. An error breaks the connection, or with HTTP/2 the stream.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = io::Result<Answer>> + Send;
}

/// Serves requests on a port, over TLS if an acceptor is given. Never returns.
pub(crate) async fn serve_requests<H: Handler>(handler: Arc<H>, port: &Port, tls: Option<TlsAcceptor>) {
    loop {
        let Ok(stream) = port.accept().await else {
            // The client has hung up already, or there are too many open connections: wait for some to close.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (handler, tls) = (Arc::clone(&handler), tls.clone());
        tokio::spawn(async move {
            let connection = stream.connection();
            match tls {
                None => serve_connection(stream, connection, None, handler).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        let certificates = stream.get_ref().1.peer_certificates();
                        let certificate =
                            certificates.and_then(<[_]>::first).map(|leaf| ClientCertificate(leaf.to_vec()));
                        serve_connection(stream, connection, certificate, handler).await;
                    }
                }
            }
        });
    }
}

async fn serve_connection<H, S>(
    stream: S,
    connection: Arc<Connection>,
    certificate: Option<ClientCertificate>,
    handler: Arc<H>,
) where
    H: Handler,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(|mut request: Request<Incoming>| {
        let handler = Arc::clone(&handler);
        if let Some(certificate) = certificate.clone() {
            request.extensions_mut().insert(certificate);
        }
        request.extensions_mut().insert(ConnectionNumber(connection.number));
        request.extensions_mut().insert(Arc::downgrade(&connection));
        async move { handler.answer(request).await }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    // An error ends only this connection.
    tokio::select! {
        ended = serving.as_mut() => drop(ended),
        () = connection.retired.notified() => {
            serving.as_mut().graceful_shutdown();
            drop(serving.await);
        }
    }
}
