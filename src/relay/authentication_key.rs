//! The authorized key with which the relay signs requests for clients that do not sign theirs, read from a file.

use crate::text;
use crate::tezos::authentication::request_to_authenticate;
use crate::tezos::{Curve, PublicKey, PublicKeyHash, SecretKey, SecretKeyError, SignatureVersion};
use arc_swap::ArcSwap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tracing::{info, warn};

/// Why the key cannot be used. Never contains a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuthenticationKeyError {
    /// The file cannot be read.
    #[error("{path}: {why}; expected a file with one unencrypted secret key (edsk, spsk, p2sk or BLsk)", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// It contains no secret key that can be used.
    #[error("{path}: {error}; the file must contain one unencrypted secret key", path = path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: SecretKeyError,
    },
}

/// The key in use.
pub(super) struct AuthenticationKey {
    path: PathBuf,
    current: ArcSwap<SecretKey>,
    problem: Mutex<Option<AuthenticationKeyError>>,
}

impl AuthenticationKey {
    /// Reads the key from a file.
    ///
    /// # Errors
    /// [`AuthenticationKeyError`].
    pub(super) fn read(path: PathBuf) -> Result<Self, AuthenticationKeyError> {
        let current = ArcSwap::from_pointee(secret_key(&path)?);
        Ok(Self { path, current, problem: Mutex::new(None) })
    }

    /// The public key, which must be one of the signer's authorized keys.
    pub(super) fn public_key(&self) -> PublicKey {
        self.current.load().public_key().clone()
    }

    /// Reads the file again, and returns whether the key has changed. A file that cannot be used leaves the key as it is, and is
    /// logged once.
    pub(super) fn refresh(&self) -> bool {
        let read = secret_key(&self.path);
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(key) => {
                *problem = None;
                let is_new = *key.public_key() != self.public_key();
                if is_new {
                    let hash = key.public_key().hash();
                    info!(event = "relay_authentication_key_changed", key = %hash, "requests are signed with another key");
                    self.current.store(Arc::new(key));
                }
                is_new
            }
            Err(error) => {
                if problem.as_ref() != Some(&error) {
                    warn!(event = "relay_authentication_key_unusable", reason = %error, "the previous key stays in use");
                    *problem = Some(error);
                }
                false
            }
        }
    }

    /// Signs a request that `key` sign `payload`, as a client of this version does. The result is the value of `authentication`.
    /// The same request always has the same signature, so that identical requests can share an answer.
    ///
    /// # Errors
    /// [`SecretKeyError::CannotSign`]; no input is known to cause it.
    pub(super) async fn sign(
        &self,
        key: &PublicKeyHash,
        payload: &[u8],
        version: SignatureVersion,
    ) -> Result<String, SecretKeyError> {
        let (secret, request) = (self.current.load_full(), request_to_authenticate(key, payload));
        let curve = secret.public_key().curve();
        let sign = move || secret.sign(&request, version.scheme_to_verify(curve));
        let signature = if curve == Curve::Bls {
            // It takes milliseconds, and would delay other requests.
            tokio::task::spawn_blocking(sign).await.unwrap_or(Err(SecretKeyError::CannotSign))
        } else {
            sign()
        };
        Ok(signature?.to_string())
    }
}

fn secret_key(path: &Path) -> Result<SecretKey, AuthenticationKeyError> {
    let text = text::read_secret(path)
        .map_err(|error| AuthenticationKeyError::Unreadable { path: path.to_owned(), why: error.to_string() })?;
    SecretKey::from_text(text.trim()).map_err(|error| AuthenticationKeyError::Invalid { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::authentication::{AuthorizedKey, find_requester};
    use std::fs;

    #[tokio::test]
    async fn requests_are_signed_as_signers_expect_with_the_key_that_the_file_contained_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let unusable = AuthenticationKey::read(path.clone()).err().unwrap();
        assert!(matches!(unusable, AuthenticationKeyError::Unreadable { .. }), "{unusable}");
        let secrets = Curve::ALL.map(|curve| SecretKey::generate(curve).unwrap());
        fs::write(&path, secrets[0].to_text().as_bytes()).unwrap();
        let key = AuthenticationKey::read(path.clone()).unwrap();
        let requested = secrets[0].public_key().hash();
        for (index, secret) in secrets.iter().enumerate() {
            fs::write(&path, format!("unencrypted:{}\n", *secret.to_text())).unwrap();
            assert_eq!(key.refresh(), index > 0);
            fs::write(&path, "edsk").unwrap();
            assert!(!key.refresh(), "a file that cannot be used changes nothing");
            let public_key = secret.public_key().clone();
            let authorized = AuthorizedKey { hash: public_key.hash(), public_key };
            let request = request_to_authenticate(&requested, b"\x13vote");
            for version in [SignatureVersion::V1, SignatureVersion::V3] {
                let signature = key.sign(&requested, b"\x13vote", version).await.unwrap();
                assert_eq!(key.sign(&requested, b"\x13vote", version).await.unwrap(), signature);
                let signature = signature.parse().unwrap();
                let requester = find_requester(std::slice::from_ref(&authorized), &request, version, &signature);
                assert_eq!(requester, Some(authorized.hash));
            }
        }
    }
}
