//! The key that encrypts one secret, once.

use crate::secret_memory;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use locked_memory::Locked;
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

pub(super) const NONCE_LENGTH: usize = NONCE_LEN;

const LENGTH: usize = 32;

/// An AES-256-GCM key. Never printed. Held in memory for secrets, which is wiped when it is dropped.
pub struct DataKey(Locked<[u8; LENGTH]>);

/// Why there is no data key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DataKeyError {
    /// A recipient unwrapped something else.
    #[error("what was unwrapped is not a data key: it has {found} bytes, expected {LENGTH}")]
    Length {
        /// The length in bytes.
        found: usize,
    },
    /// The operating system provides no random numbers.
    #[error("the operating system provides no random numbers")]
    NoRandomness,
    /// The operating system provides no memory.
    #[error("the operating system provides no memory for a data key")]
    NoMemory,
}

impl DataKey {
    /// The key that a recipient has unwrapped.
    ///
    /// # Errors
    /// [`DataKeyError`]
    pub fn from_unwrapped(bytes: &[u8]) -> Result<Self, DataKeyError> {
        let mut key = empty()?;
        if bytes.len() != LENGTH {
            return Err(DataKeyError::Length { found: bytes.len() });
        }
        key.copy_from_slice(bytes);
        Ok(Self(key))
    }

    pub(super) fn generate() -> Result<Self, DataKeyError> {
        let mut key = empty()?;
        getrandom::fill(key.as_mut_slice()).map_err(|_| DataKeyError::NoRandomness)?;
        Ok(Self(key))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Encrypts a secret. `None` if the library fails; no input is known to cause it.
    pub(super) fn encrypt(&self, nonce: [u8; NONCE_LENGTH], associated_data: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
        // Encrypted in place, so that no copy of the secret is left behind.
        let mut bytes = Vec::with_capacity(secret.len() + AES_256_GCM.tag_len());
        bytes.extend_from_slice(secret);
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.cipher()?.seal_in_place_append_tag(nonce, Aad::from(associated_data), &mut bytes).ok()?;
        Some(bytes)
    }

    /// Decrypts a secret; `None` if anything differs from what was encrypted.
    pub(super) fn decrypt(
        &self,
        nonce: [u8; NONCE_LENGTH],
        associated_data: &[u8],
        ciphertext: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(ciphertext.to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = self.cipher()?.open_in_place(nonce, Aad::from(associated_data), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, self.as_bytes()).ok()?))
    }
}

fn empty() -> Result<Locked<[u8; LENGTH]>, DataKeyError> {
    secret_memory::locked([0; LENGTH]).map_err(|_| DataKeyError::NoMemory)
}

impl fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DataKey")
    }
}
