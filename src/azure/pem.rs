//! Certificates and private keys in PEM files.

use crate::text;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use thiserror::Error;
use zeroize::Zeroizing;

/// Why a PEM file cannot be used. Contains nothing of the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PemError {
    /// The file cannot be read.
    #[error("{path}: {why}; expected a PEM file", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The file has no certificate.
    #[error("{path}: expected a certificate in PEM (-----BEGIN CERTIFICATE-----)", path = .0.display())]
    NoCertificate(PathBuf),
    /// The file has no private key.
    #[error(
        "{path}: expected an unencrypted private key in PEM (-----BEGIN PRIVATE KEY-----)",
        path = .0.display()
    )]
    NoPrivateKey(PathBuf),
}

/// A PEM file. Its text is erased when it is dropped.
pub(crate) struct PemFile<'a> {
    path: &'a Path,
    text: Zeroizing<String>,
}

impl<'a> PemFile<'a> {
    /// Reads the file.
    ///
    /// # Errors
    /// [`PemError::Unreadable`].
    pub(crate) fn read(path: &'a Path) -> Result<Self, PemError> {
        let text =
            text::read(path).map_err(|error| PemError::Unreadable { path: path.to_owned(), why: error.to_string() })?;
        Ok(Self { path, text: Zeroizing::new(text) })
    }

    /// The certificates, in the order of the file.
    ///
    /// # Errors
    /// [`PemError::NoCertificate`] if there is none, or one of them is malformed.
    pub(crate) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, PemError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.text.as_bytes()).collect();
        let certificates = certificates.ok().filter(|certificates| !certificates.is_empty());
        certificates.ok_or_else(|| PemError::NoCertificate(self.path.to_owned()))
    }

    /// The first private key.
    ///
    /// # Errors
    /// [`PemError::NoPrivateKey`] if there is none, or it is encrypted or malformed.
    pub(crate) fn private_key(&self) -> Result<PrivateKeyDer<'static>, PemError> {
        PrivateKeyDer::from_pem_slice(self.text.as_bytes()).map_err(|_| PemError::NoPrivateKey(self.path.to_owned()))
    }
}
