//! The client certificate of the relay: presented to upstreams when they request one, and read again when its files change.

use crate::azure::{PemError, PemFile};
use arc_swap::ArcSwap;
use azure_core::time::OffsetDateTime;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tracing::{info, warn};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// `RELAY_CLIENT_CERTIFICATE_FILE` and `RELAY_CLIENT_KEY_FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificateFiles {
    /// The certificate, and its chain if there is one.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why a client certificate cannot be used. Contains nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClientCertificateError {
    /// The certificate's file.
    #[error("RELAY_CLIENT_CERTIFICATE_FILE: {0}")]
    Certificate(PemError),
    /// The key's file.
    #[error("RELAY_CLIENT_KEY_FILE: {0}")]
    Key(PemError),
    /// They do not belong together, or the key is of an unknown kind.
    #[error(
        "RELAY_CLIENT_KEY_FILE: expected the private key of the certificate in RELAY_CLIENT_CERTIFICATE_FILE ({0})"
    )]
    Mismatch(String),
    /// The certificate is malformed.
    #[error("RELAY_CLIENT_CERTIFICATE_FILE: expected an X.509 certificate")]
    Malformed,
}

/// The certificate in use.
pub(super) struct ClientCertificate {
    files: ClientCertificateFiles,
    current: ArcSwap<Certificate>,
    problem: Mutex<Option<ClientCertificateError>>,
}

struct Certificate {
    key: Arc<CertifiedKey>,
    not_after: OffsetDateTime,
}

impl ClientCertificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`ClientCertificateError`].
    pub(super) fn read(files: ClientCertificateFiles) -> Result<Self, ClientCertificateError> {
        let current = ArcSwap::from_pointee(Certificate::read(&files)?);
        Ok(Self { files, current, problem: Mutex::default() })
    }

    /// Whether it is read from these files.
    pub(super) fn is_of(&self, files: &ClientCertificateFiles) -> bool {
        self.files == *files
    }

    /// Reads the files again, and returns whether there is another certificate. Files that cannot be used, such as when only one of
    /// the two has been replaced yet, leave the certificate as it is, and are logged once.
    pub(super) fn refresh(&self) -> bool {
        let read = Certificate::read(&self.files);
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(certificate) => {
                *problem = None;
                if certificate.key.cert == self.current.load().key.cert {
                    return false;
                }
                let until = super::shown(certificate.not_after);
                self.current.store(Arc::new(certificate));
                info!(
                    event = "relay_client_certificate_changed",
                    valid_until = until,
                    "the client certificate has changed: new connections use it"
                );
                return true;
            }
            Err(error) if problem.as_ref() != Some(&error) => {
                warn!(
                    event = "relay_client_certificate_unusable",
                    reason = %error,
                    "the client certificate stays as it was"
                );
                *problem = Some(error);
            }
            Err(_) => {}
        }
        false
    }

    /// When the certificate expires.
    pub(super) fn not_after(&self) -> OffsetDateTime {
        self.current.load().not_after
    }
}

impl Certificate {
    fn read(files: &ClientCertificateFiles) -> Result<Self, ClientCertificateError> {
        use ClientCertificateError::{Certificate, Key, Malformed, Mismatch};
        let chain = PemFile::read(&files.certificate).and_then(|file| file.certificates()).map_err(Certificate)?;
        let key = PemFile::read(&files.key).and_then(|file| file.private_key()).map_err(Key)?;
        let leaf = chain.first().ok_or(Malformed)?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| Malformed)?;
        let not_after = parsed.validity().not_after.to_datetime();
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        let key = key.map_err(|error| Mismatch(error.to_string()))?;
        Ok(Self { key: Arc::new(key), not_after })
    }
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let key = Arc::clone(&self.current.load().key);
        // The platform accepts certificates of any issuer, so the names of issuers in its request mean nothing.
        key.key.choose_scheme(schemes).is_some().then_some(key)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientCertificate").field("files", &self.files).finish_non_exhaustive()
    }
}
