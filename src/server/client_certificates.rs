//! Client certificates: App Service terminates TLS, and forwards the client's certificate in a header. It forwards certificates of
//! any issuer, so the signer compares them with a list.

use super::error_response::ErrorResponse;
use super::log_limit::warn_of_clients;
use crate::answer::Cause;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;
use tracing::warn;

/// The header with the client's certificate: DER in Base64. App Service removes one that the client sends.
const HEADER: &str = "x-arr-clientcert";

/// The digest of a certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Thumbprint(Vec<u8>);

/// A text that is not a thumbprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "expected a thumbprint: 64 hexadecimal digits (SHA-256), or 40 (SHA-1, as the Azure portal shows it); print one with openssl \
     x509 -noout -fingerprint -sha256 -in FILE"
)]
pub struct InvalidThumbprint;

impl Thumbprint {
    /// The SHA-256 digest of a certificate in DER.
    fn of(certificate: &[u8]) -> Self {
        Self(digest(&SHA256, certificate).as_ref().to_vec())
    }

    fn is_of(&self, certificate: &[u8]) -> bool {
        let algorithm = if self.0.len() == SHA256.output_len() { &SHA256 } else { &SHA1_FOR_LEGACY_USE_ONLY };
        digest(algorithm, certificate).as_ref() == self.0
    }
}

impl FromStr for Thumbprint {
    type Err = InvalidThumbprint;

    fn from_str(text: &str) -> Result<Self, InvalidThumbprint> {
        let bytes = hex::decode(text.replace(':', "")).map_err(|_| InvalidThumbprint)?;
        let is_digest = [SHA256.output_len(), SHA1_FOR_LEGACY_USE_ONLY.output_len()].contains(&bytes.len());
        if is_digest { Ok(Self(bytes)) } else { Err(InvalidThumbprint) }
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The certificates of which a client must have one.
#[derive(Debug, Clone)]
pub struct ClientCertificates(Vec<Thumbprint>);

/// Why a client's certificate does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
enum NotAccepted {
    #[error(
        "missing client certificate: the client must present one that CLIENT_CERTIFICATES lists, and the app must require them \
         (clientCertMode Required)"
    )]
    Missing,
    #[error("the client certificate is not in DER and Base64")]
    Unreadable,
    #[error("the client certificate with the SHA-256 thumbprint {0} is not in CLIENT_CERTIFICATES")]
    NotListed(Thumbprint),
}

impl ClientCertificates {
    /// A list of thumbprints.
    pub const fn new(thumbprints: Vec<Thumbprint>) -> Self {
        Self(thumbprints)
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), NotAccepted> {
        let mut values = headers.get_all(HEADER).iter();
        let value = values.next().ok_or(NotAccepted::Missing)?;
        let certificate = STANDARD.decode(value).map_err(|_| NotAccepted::Unreadable)?;
        // The platform sends exactly one.
        if values.next().is_some() || certificate.is_empty() {
            return Err(NotAccepted::Unreadable);
        }
        let is_listed = self.0.iter().any(|thumbprint| thumbprint.is_of(&certificate));
        if is_listed { Ok(()) } else { Err(NotAccepted::NotListed(Thumbprint::of(&certificate))) }
    }
}

/// Refuses requests of clients without a certificate that is listed.
pub(super) async fn require_client_certificate(
    State(certificates): State<Option<Arc<ClientCertificates>>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(Err(reason)) = certificates.map(|certificates| certificates.check(request.headers())) else {
        return next.run(request).await;
    };
    let message = reason.to_string();
    warn_of_clients(|suppressed| {
        warn!(
            event = "client_certificate_rejected",
            reason = message,
            suppressed,
            "a request was refused for its client certificate"
        );
    });
    ErrorResponse::new(StatusCode::UNAUTHORIZED, Cause::Unauthenticated, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn thumbprints_are_sha_256_or_sha_1() {
        let sha_256 = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
        let sha_1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
        for text in [sha_256, sha_1, &sha_256.replace(':', "").to_lowercase()] {
            let thumbprint: Thumbprint = text.parse().unwrap();
            assert!(thumbprint.is_of(b"abc") && !thumbprint.is_of(b"abd"), "{text}");
        }
        for text in ["", "ab", &sha_1[1..], &format!("{sha_256}00"), &sha_1.replace('a', "g")] {
            assert_eq!(text.parse::<Thumbprint>(), Err(InvalidThumbprint), "{text}");
        }
    }

    #[test]
    fn exactly_one_listed_certificate_is_accepted() {
        let list = ClientCertificates::new(vec![Thumbprint::of(b"first"), Thumbprint::of(b"second")]);
        let sent = |certificates: &[&[u8]]| -> HeaderMap {
            let values = certificates.iter().map(|bytes| HeaderValue::try_from(STANDARD.encode(bytes)).unwrap());
            values.map(|value| (HEADER.parse().unwrap(), value)).collect()
        };
        for (certificates, expected) in [
            (&[&b"first"[..]][..], Ok(())),
            (&[&b"second"[..]], Ok(())),
            (&[], Err(NotAccepted::Missing)),
            (&[&b""[..]], Err(NotAccepted::Unreadable)),
            (&[&b"third"[..]], Err(NotAccepted::NotListed(Thumbprint::of(b"third")))),
            (&[&b"first"[..], b"first"], Err(NotAccepted::Unreadable)),
        ] {
            assert_eq!(list.check(&sent(certificates)), expected, "{certificates:?}");
        }
        let mut unreadable = HeaderMap::new();
        unreadable.insert(HEADER, HeaderValue::from_static("-----BEGIN CERTIFICATE-----"));
        assert_eq!(list.check(&unreadable), Err(NotAccepted::Unreadable));
    }
}
