//! The private part of an offline recovery key.

use super::data_key::{DataKey, DataKeyError};
use super::recipient::RecipientId;
use super::rsa_private_key::RsaPrivateKey;
use super::rsa_public_key::InvalidRsaKey;
use super::sealing::SealedKey;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// An RSA private key that unwraps data keys. Never printed; the library wipes it when it is dropped.
pub struct RecoveryKey(RsaPrivateKey);

impl RecoveryKey {
    /// Parses an unencrypted PKCS #8 key in PEM.
    ///
    /// # Errors
    /// [`RecoveryKeyError`], which contains nothing of the text.
    pub fn from_pem(text: &str) -> Result<Self, RecoveryKeyError> {
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            return Err(RecoveryKeyError::Encrypted);
        }
        if text.contains("-----BEGIN RSA PRIVATE KEY-----") {
            return Err(RecoveryKeyError::Pkcs1);
        }
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| RecoveryKeyError::NotPem)?;
        let der = Zeroizing::new(der);
        Ok(Self(RsaPrivateKey::from_pkcs8(der.secret_pkcs8_der()).map_err(|error| match error {
            InvalidRsaKey::NotRsa => RecoveryKeyError::NotRsa,
            error => RecoveryKeyError::PublicKey(error),
        })?))
    }

    /// Unwraps the data key of a sealed key.
    ///
    /// # Errors
    /// [`UnwrapError`]
    pub fn unwrap_data_key(&self, sealed: &SealedKey) -> Result<DataKey, UnwrapError> {
        let mut recipients = sealed.recipients().iter();
        let recipient =
            recipients.find(|recipient| recipient.key().public_key() == self.0.public_key()).ok_or_else(|| {
                let ids = sealed.recipients().iter().map(|recipient| recipient.key().id());
                let offline: Vec<_> = ids.filter(|id| matches!(id, RecipientId::Offline(_))).collect();
                UnwrapError::NotARecipient {
                    key: RecipientId::Offline(self.0.public_key().fingerprint()).to_string(),
                    expected: offline.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
                }
            })?;
        let unwrapped = self.0.unwrap(recipient.wrapped_key()).ok_or(UnwrapError::NotAuthentic)?;
        Ok(DataKey::from_unwrapped(&unwrapped)?)
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RecoveryKey(of {})", self.0.public_key().fingerprint())
    }
}

/// Why a text is not a recovery key. Contains nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecoveryKeyError {
    /// Not PEM, or PEM of something else.
    #[error("expected an unencrypted private key in PEM (-----BEGIN PRIVATE KEY-----)")]
    NotPem,
    /// Encrypted with a password.
    #[error(
        "this private key is encrypted with a password: pass it through a pipe (openssl pkey -in FILE | azurehsm-signer sealed … \
         --recovery-key -)"
    )]
    Encrypted,
    /// The older form of PEM.
    #[error(
        "this private key is in the older form (RSA PRIVATE KEY): pass it through a pipe (openssl pkey -in FILE | azurehsm-signer \
         sealed … --recovery-key -)"
    )]
    Pkcs1,
    /// Not a valid RSA key.
    #[error("expected an RSA private key")]
    NotRsa,
    /// Its public part is not that of any recipient.
    #[error(transparent)]
    PublicKey(#[from] InvalidRsaKey),
}

/// Why a recovery key does not unwrap a data key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnwrapError {
    /// The key was not sealed for it.
    #[error("it was not sealed for this recovery key ({key}), but for {expected}")]
    NotARecipient {
        /// The recovery key.
        key: String,
        /// The recovery keys that it was sealed for.
        expected: String,
    },
    /// The wrapped key is damaged, or was wrapped for another key.
    #[error("its data key cannot be unwrapped: it was changed after it was sealed")]
    NotAuthentic,
    /// What was unwrapped is not a data key.
    #[error(transparent)]
    DataKey(#[from] DataKeyError),
}
