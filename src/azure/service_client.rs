//! HTTP clients for services in Azure: trusted certificates, and recovery from dead connections.

use super::reason_of;
use crate::net::dns::Resolver;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, Url};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use thiserror::Error;

/// The CA certificates that this machine trusts, read once for all clients. Honours `SSL_CERT_FILE` and `SSL_CERT_DIR`.
#[derive(Clone)]
pub struct TlsRoots(ClientConfig);

/// This machine has no CA certificates, so no server can be verified.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no CA certificates found: install ca-certificates, or set SSL_CERT_FILE to a bundle{0}")]
pub struct NoCertificates(String);

impl TlsRoots {
    /// Loads the certificates of the system.
    ///
    /// # Errors
    /// [`NoCertificates`] if none is usable. The SDK would panic in that case.
    pub fn read() -> Result<Self, NoCertificates> {
        // Fails only if a provider is already installed.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(found.certs.into_iter().map(CertificateDer::into_owned));
        if usable == 0 {
            let reason = found.errors.first().map(|error| format!(" ({})", reason_of(error))).unwrap_or_default();
            return Err(NoCertificates(reason));
        }
        Ok(Self(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
    }

    /// Trusts these authorities, in PEM.
    #[cfg(test)]
    pub(crate) fn of(authorities: &[&str]) -> Self {
        use rustls::pki_types::pem::PemObject;
        let mut roots = RootCertStore::empty();
        for pem in authorities {
            roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        }
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        Self(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    }

    /// An HTTP client that trusts these certificates, with `limit` as the timeout of each request.
    ///
    /// # Errors
    /// If the client cannot be created.
    pub fn client(&self, limit: Duration) -> Result<reqwest::Client, reqwest::Error> {
        self.builder().timeout(limit).build()
    }

    /// The configuration of TLS for callers that open connections themselves. `identity` selects the certificate for a service
    /// that requires one.
    pub(crate) fn client_config(&self, identity: Option<Arc<dyn ResolvesClientCert>>) -> ClientConfig {
        let mut config = self.0.clone();
        config.resumption = Resumption::default();
        if let Some(identity) = identity {
            config.client_auth_cert_resolver = identity;
            // A resumed session keeps the certificate that it was opened with.
            config.resumption = Resumption::disabled();
        }
        config
    }

    /// No proxy: the SDK's Cosmos DB client uses none either, and identity endpoints must be called directly.
    fn builder(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.0.clone())
            .http1_only()
            .no_proxy()
            .tcp_keepalive(Duration::from_secs(15))
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(Resolver::default()))
    }
}

/// The HTTP client of one service, over HTTP/1.1 keep-alive connections.
///
/// A connection that dies silently (dropped by a NAT gateway, or its peer is gone) is detected by a late response. If the
/// service has answered nothing else in the meantime, all pooled connections are presumed dead and discarded, so that the next
/// call opens a new one instead of trying the dead ones in turn. The late call itself continues: the service may just be slow.
pub struct ServiceClient {
    service: Url,
    roots: TlsRoots,
    silent_after: Duration,
    answer_timeout: Duration,
    current: ArcSwap<reqwest::Client>,
    answered: Mutex<Instant>,
}

/// Shorter than the idle timeout of the services, so that pooled connections are not already closed by the peer.
const IDLE: Duration = Duration::from_secs(90);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Enough for the same number of keys signing simultaneously.
const MAX_IDLE_PER_HOST: usize = 64;

impl ServiceClient {
    /// A client of `service`. Callers repeat a call after `late_after`; a call fails after `answer_timeout`.
    ///
    /// # Errors
    /// If the client cannot be created.
    pub fn new(
        service: Url,
        roots: TlsRoots,
        late_after: Duration,
        answer_timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let current = ArcSwap::from_pointee(roots.builder().connect_timeout(CONNECT_TIMEOUT).build()?);
        // Slightly earlier, so that the hedged call uses a new connection.
        let silent_after = late_after * 15 / 16;
        Ok(Self { service, roots, silent_after, answer_timeout, current, answered: Mutex::new(Instant::now()) })
    }

    /// How long ago the service last answered, or how long this client has existed if it never has.
    pub fn since_last_answer(&self) -> Duration {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Discards all connections, after a late or broken call that started at `start`, unless the service has answered
    /// another call since.
    fn discard_connections(&self, used: &Arc<reqwest::Client>, start: Instant) {
        let is_alive = *self.answered.lock().unwrap_or_else(PoisonError::into_inner) > start;
        // Another call may have replaced the client already.
        if !is_alive
            && Arc::ptr_eq(used, &self.current.load())
            && let Ok(client) = self.roots.builder().connect_timeout(CONNECT_TIMEOUT).build()
        {
            self.current.store(Arc::new(client));
        }
    }

    fn is_of_service(&self, url: &Url) -> bool {
        url.scheme() == self.service.scheme()
            && url.host() == self.service.host()
            && url.port_or_known_default() == self.service.port_or_known_default()
    }
}

impl std::fmt::Debug for ServiceClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ServiceClient").field("service", &self.service.as_str()).finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for ServiceClient {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        use azure_core::error::{Error, ErrorKind};
        // Links to next pages come from the service. The token must not be sent to another host.
        if !self.is_of_service(request.url()) {
            let host = request.url().host_str().unwrap_or_default();
            let reason = format!("refusing to send a token to {host}, which is not {}", self.service);
            return Err(Error::with_message(ErrorKind::Other, reason));
        }
        let (client, start) = (self.current.load_full(), Instant::now());
        let answer = async {
            let response = client.execute_request(request).await?;
            // Read the whole body within the timeouts, since a connection may die in the middle of it.
            let (status, headers, body) = response.deconstruct();
            Ok(AsyncRawResponse::from_bytes(status, headers, body.collect().await?))
        };
        let mut answer = std::pin::pin!(tokio::time::timeout(self.answer_timeout, answer));
        let answer: azure_core::Result<_> = tokio::select! {
            answer = &mut answer => answer,
            () = tokio::time::sleep(self.silent_after) => {
                self.discard_connections(&client, start);
                answer.await
            }
        }
        .unwrap_or_else(|_| {
            let ms = self.answer_timeout.as_millis();
            Err(Error::with_message(ErrorKind::Io, format!("no answer within {ms} ms")))
        });
        match &answer {
            Ok(_) => *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now(),
            Err(error) if matches!(error.kind(), ErrorKind::Io) => self.discard_connections(&client, start),
            Err(_) => {}
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    /// Otherwise its first one costs 50 ms, which would be most of a cold start: see `.cargo/config.toml`.
    #[test]
    fn aws_lc_takes_random_numbers_from_the_kernel_alone() {
        assert_eq!(option_env!("AWS_LC_SYS_NO_JITTER_ENTROPY"), Some("1"));
    }
}
