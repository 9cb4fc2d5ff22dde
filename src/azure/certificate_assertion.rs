//! Signs in a service principal with its certificate: a short-lived assertion, signed with the certificate's private key.
//!
//! The SDK's own credential for this requires OpenSSL, which nothing else here needs.

use super::pem::{PemError, PemFile};
use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PSS_SHA256;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::ClientMethodOptions;
use azure_core::time::OffsetDateTime;
use azure_identity::ClientAssertion;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Enough for a request to a slow endpoint.
const LIFETIME_SECONDS: i64 = 300;

/// A source of assertions about one application.
pub(super) struct CertificateAssertion {
    audience: String,
    client_id: String,
    /// The SHA-256 digest of the certificate.
    thumbprint: String,
    key: KeyPair,
}

/// Why a service principal's certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AssertionError {
    /// The file cannot be read, or has no certificate or no key.
    #[error("AZURE_CLIENT_CERTIFICATE_PATH: {0}")]
    File(#[from] PemError),
    /// Microsoft Entra ID accepts RSA keys only.
    #[error("AZURE_CLIENT_CERTIFICATE_PATH: {path}: expected an RSA private key", path = .0.display())]
    NotRsa(PathBuf),
    /// No assertion could be signed.
    #[error("AZURE_CLIENT_CERTIFICATE_PATH: the private key cannot sign")]
    Signature,
}

impl CertificateAssertion {
    /// Reads a PEM file with a certificate and its private key. `audience` is the token endpoint.
    ///
    /// # Errors
    /// [`AssertionError`].
    pub(super) fn read(path: &Path, audience: String, client_id: String) -> Result<Self, AssertionError> {
        let file = PemFile::read(path)?;
        let certificates = file.certificates()?;
        let thumbprint = certificates.first().map(|certificate| URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate)));
        let key = match file.private_key()? {
            PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()).ok(),
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()).ok(),
            _ => None,
        };
        let key = key.ok_or_else(|| AssertionError::NotRsa(path.to_owned()))?;
        Ok(Self { audience, client_id, thumbprint: thumbprint.unwrap_or_default(), key })
    }

    /// An assertion that is valid from `now` on.
    fn at(&self, now: OffsetDateTime) -> Result<String, AssertionError> {
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let mut identifier = [0; 16];
        getrandom::fill(&mut identifier).map_err(|_| AssertionError::Signature)?;
        let now = now.unix_timestamp();
        let claims = json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": hex::encode(identifier),
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
        });
        let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = parts.join(".");
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| AssertionError::Signature)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[async_trait]
impl ClientAssertion for CertificateAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.at(OffsetDateTime::now_utc())?)
    }
}

impl From<AssertionError> for Error {
    fn from(error: AssertionError) -> Self {
        Self::new(ErrorKind::Credential, error)
    }
}

impl fmt::Debug for CertificateAssertion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CertificateAssertion").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
