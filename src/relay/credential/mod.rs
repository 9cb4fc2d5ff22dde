//! What the relay presents to the upstreams, so that the platform in front of a signer accepts its requests: a function key, a
//! Microsoft Entra token, a client certificate, or several of these.

mod certificate;
mod function_keys;
mod token;

pub use certificate::{ClientCertificateError, ClientCertificateFiles};
pub use function_keys::{FunctionKeyError, FunctionKeySource};
pub use token::{InvalidTokenScope, TokenScope, TokenSettings};

use super::RelaySettings;
use crate::azure::{NoToken, TlsRoots};
use azure_core::time::OffsetDateTime;
use certificate::ClientCertificate;
use function_keys::FunctionKeys;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};
use rustls::client::ResolvesClientCert;
use std::sync::Arc;
use thiserror::Error;
use time::format_description::well_known::Rfc3339;
use token::EntraToken;

/// The header that carries a function key.
const FUNCTION_KEY: HeaderName = HeaderName::from_static("x-functions-key");

/// Why credentials cannot be used. Contains none of them.
#[derive(Debug, Error)]
pub enum CredentialError {
    /// The function keys.
    #[error("RELAY_FUNCTION_KEYS: {0}")]
    FunctionKeys(#[from] FunctionKeyError),
    /// The client certificate.
    #[error(transparent)]
    ClientCertificate(#[from] ClientCertificateError),
    /// The client that requests tokens.
    #[error("RELAY_TOKEN_SCOPE: the HTTP client for tokens cannot be created: {0}")]
    TokenClient(#[from] reqwest::Error),
}

/// The credentials of all upstreams.
pub(super) struct Credentials {
    /// Their number. The observer has the next index.
    upstreams: usize,
    function_keys: FunctionKeys,
    token: Option<EntraToken>,
    certificate: Option<Arc<ClientCertificate>>,
}

/// Which kinds of credentials are configured, for advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CredentialKinds {
    pub(super) function_key: bool,
    pub(super) token: bool,
    pub(super) certificate: bool,
}

impl Credentials {
    /// Reads the files and settings. Sends no requests. Keeps what `previous` has of the same settings.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub(super) fn read(
        settings: &RelaySettings,
        roots: &TlsRoots,
        previous: Option<&Self>,
    ) -> Result<Self, CredentialError> {
        let upstreams = settings.upstreams.len();
        let has_observer = settings.observer.is_some();
        let function_keys = FunctionKeys::read(settings.function_keys.clone(), upstreams, has_observer)?;
        let previous_token = previous.and_then(|previous| previous.token.as_ref());
        let token = settings.token.clone();
        let token = token.map(|token| EntraToken::new(token, roots, upstreams, previous_token)).transpose()?;
        let certificate = settings.client_certificate.clone().map(|files| {
            let kept = previous.and_then(|previous| previous.certificate.as_ref());
            match kept.filter(|kept| kept.is_of(&files)) {
                Some(kept) => Ok(Arc::clone(kept)),
                None => ClientCertificate::read(files).map(Arc::new),
            }
        });
        Ok(Self { upstreams, function_keys, token, certificate: certificate.transpose()? })
    }

    /// Whether both present the same client certificate, or none.
    pub(super) fn has_same_certificate(&self, other: &Self) -> bool {
        match (&self.certificate, &other.certificate) {
            (None, None) => true,
            (Some(certificate), Some(other)) => Arc::ptr_eq(certificate, other),
            _ => false,
        }
    }

    /// Selects the client certificate for new connections, if there is one.
    pub(super) fn client_certificate(&self) -> Option<Arc<dyn ResolvesClientCert>> {
        self.certificate.clone().map(|certificate| certificate as Arc<_>)
    }

    /// The headers that a request to an upstream carries. Their values are marked as sensitive, so that no library prints them.
    ///
    /// # Errors
    /// [`NoToken`] if a token is required, and there is no valid one.
    pub(super) async fn headers(&self, upstream: usize) -> Result<HeaderMap, NoToken> {
        let key = self.function_keys.of(upstream).map(|key| (FUNCTION_KEY, key));
        let token = match self.token_of(upstream) {
            Some(token) => Some((AUTHORIZATION, token.header().await?)),
            None => None,
        };
        Ok(key.into_iter().chain(token).collect())
    }

    /// An observer gets no token: it could use it at the upstreams.
    fn token_of(&self, upstream: usize) -> Option<&EntraToken> {
        self.token.as_ref().filter(|_| upstream < self.upstreams)
    }

    /// After the platform in front of an upstream has rejected a request with the headers `sent`: other headers, if there are any by
    /// now. A file may just have been replaced, there may be a second function key, and a token that has been withdrawn is renewed.
    pub(super) async fn after_rejection(&self, upstream: usize, sent: &HeaderMap) -> Option<HeaderMap> {
        self.function_keys.refresh();
        if let Some(key) = sent.get(FUNCTION_KEY) {
            self.function_keys.rejected(upstream, key);
        }
        if let Some(token) = self.token_of(upstream) {
            token.rejected(upstream).await;
        }
        self.headers(upstream).await.ok().filter(|headers| headers != sent)
    }

    /// Records that a signer has answered, so that the platform in front of it accepts the credentials.
    pub(super) fn accepted(&self, upstream: usize) {
        if let Some(token) = self.token_of(upstream) {
            token.accepted(upstream);
        }
    }

    /// Reads the files again, in case they have changed. Returns whether there is another client certificate, which open
    /// connections do not use.
    pub(super) fn refresh(&self) -> bool {
        self.function_keys.refresh();
        self.certificate.as_ref().is_some_and(|certificate| certificate.refresh())
    }

    /// Which kinds are configured.
    pub(super) fn kinds(&self, upstream: usize) -> CredentialKinds {
        CredentialKinds {
            function_key: self.function_keys.of(upstream).is_some(),
            token: self.token_of(upstream).is_some(),
            certificate: self.certificate.is_some() && upstream < self.upstreams,
        }
    }

    /// Until when the token and the client certificate are valid: one result for each that is configured.
    pub(super) async fn validity(&self) -> Vec<Result<String, String>> {
        let mut results = Vec::new();
        if let Some(token) = &self.token {
            results.push(token.describe().await);
        }
        if let Some(certificate) = &self.certificate {
            let (not_after, now) = (certificate.not_after(), OffsetDateTime::now_utc());
            let until = shown(not_after);
            results.push(if not_after > now {
                Ok(format!("client certificate valid until {until}"))
            } else {
                Err(format!("the client certificate expired on {until}: replace RELAY_CLIENT_CERTIFICATE_FILE"))
            });
        }
        results
    }
}

/// A time in UTC, in whole seconds.
fn shown(time: OffsetDateTime) -> String {
    let seconds = time.replace_nanosecond(0).unwrap_or(time);
    seconds.format(&Rfc3339).unwrap_or_else(|_| seconds.to_string())
}
