use super::reason_of;
use crate::net::dns::Names;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, Url};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use thiserror::Error;

/// The certificates that this machine trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured), read once for all clients.
#[derive(Clone)]
pub struct TlsRoots(ClientConfig);

/// This machine has no certificates to trust, so no service can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no CA certificates on this machine: install ca-certificates, or name a file of them in SSL_CERT_FILE{0}")]
pub struct NoCertificates(String);

impl TlsRoots {
    /// Reads them.
    ///
    /// # Errors
    /// [`NoCertificates`] if there is none that can be used. The SDK would panic then.
    pub fn read() -> Result<Self, NoCertificates> {
        // Fails if one was chosen before, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(found.certs.into_iter().map(CertificateDer::into_owned));
        if usable == 0 {
            let why = found.errors.first().map(|error| format!(" ({})", reason_of(error))).unwrap_or_default();
            return Err(NoCertificates(why));
        }
        Ok(Self(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
    }

    /// An HTTP client that trusts them, with a limit of time for each request.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn client(&self, limit: Duration) -> Result<reqwest::Client, reqwest::Error> {
        self.builder().timeout(limit).build()
    }

    /// No proxy: the SDK's client of Cosmos DB uses none either, and the identity endpoint must not be asked through one.
    fn builder(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.0.clone())
            .http1_only()
            .no_proxy()
            .tcp_keepalive(Duration::from_secs(15))
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(Names::default()))
    }
}

/// The HTTP client of one service: HTTP/1.1 connections that are kept open.
///
/// A connection that dies silently (a NAT gateway that forgot it, a machine that is gone) is noticed when an answer is late. If
/// nothing else was answered meanwhile, the other connections are given up too, since they died with it: the next call opens a
/// new one. Without that, calls would go through the dead ones one by one. The late call itself is kept: the service may just
/// be slow.
pub struct ServiceClient {
    service: Url,
    roots: TlsRoots,
    silent_after: Duration,
    answer_timeout: Duration,
    current: ArcSwap<reqwest::Client>,
    answered: Mutex<Instant>,
}

/// Less than services keep theirs, so that they are not found closed.
const IDLE: Duration = Duration::from_secs(90);

/// How long a new connection may take. A call that waits longer goes on beside others over newer ones.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// As many as keys that sign at one instant.
const MAX_IDLE_PER_HOST: usize = 64;

impl ServiceClient {
    /// A client of `service`, where a call that has not been answered after `late_after` is about to be repeated, and one
    /// that has not been answered after `answer_timeout` is given up.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(
        service: Url,
        roots: TlsRoots,
        late_after: Duration,
        answer_timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let current = ArcSwap::from_pointee(roots.builder().connect_timeout(CONNECT_TIMEOUT).build()?);
        // A little earlier, so that the repetition finds the new connections.
        let silent_after = late_after * 15 / 16;
        Ok(Self { service, roots, silent_after, answer_timeout, current, answered: Mutex::new(Instant::now()) })
    }

    /// After a call since `start` that is late, or that broke.
    fn give_up(&self, used: &Arc<reqwest::Client>, start: Instant) {
        let is_alive = *self.answered.lock().unwrap_or_else(PoisonError::into_inner) > start;
        // Whoever comes second finds new connections already.
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
        // A link to the next page is the service's word. It must not carry a token elsewhere.
        if !self.is_of_service(request.url()) {
            let why = format!("{} is not on {}", request.url().host_str().unwrap_or_default(), self.service);
            return Err(Error::with_message(ErrorKind::Other, why));
        }
        let (client, start) = (self.current.load_full(), Instant::now());
        let answer = async {
            let response = client.execute_request(request).await?;
            // To the last byte here, since a connection may die in the middle.
            let (status, headers, body) = response.deconstruct();
            Ok(AsyncRawResponse::from_bytes(status, headers, body.collect().await?))
        };
        let mut answer = std::pin::pin!(tokio::time::timeout(self.answer_timeout, answer));
        let answer: azure_core::Result<_> = tokio::select! {
            answer = &mut answer => answer,
            () = tokio::time::sleep(self.silent_after) => {
                self.give_up(&client, start);
                answer.await
            }
        }
        .unwrap_or_else(|_| {
            let ms = self.answer_timeout.as_millis();
            Err(Error::with_message(ErrorKind::Io, format!("no answer within {ms} ms")))
        });
        match &answer {
            Ok(_) => *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now(),
            Err(error) if matches!(error.kind(), ErrorKind::Io) => self.give_up(&client, start),
            Err(_) => {}
        }
        answer
    }
}
