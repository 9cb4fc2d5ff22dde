//! Secret keys encrypted with a password, in the format of `octez-client`: `edesk…`, `spesk…`, `p2esk…` and `BLesk…`.
//!
//! The payload is a salt of 8 bytes and a NaCl secretbox of the key's 32 bytes. The key of the box is PBKDF2-HMAC-SHA512 of the
//! password and the salt, with 32,768 rounds; its nonce is all zeros, since each salt yields a different key. See
//! `src/lib_signer_backends/encrypted.ml` in Octez.

use super::base58check::{self, Prefix};
use super::{Curve, SecretKey, SecretKeyError};
use aws_lc_rs::pbkdf2;
use crypto_secretbox::aead::Aead;
use crypto_secretbox::{Key, KeyInit, Nonce, XSalsa20Poly1305};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::num::NonZeroU32;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

const SALT_LENGTH: usize = 8;

/// Rounds of PBKDF2. Part of the format.
const ROUNDS: NonZeroU32 = NonZeroU32::new(32_768).unwrap();

/// A secret key that only its password decrypts. The text is never printed, since it allows guessing the password.
#[derive(Clone)]
pub struct EncryptedSecretKey {
    curve: Curve,
    payload: Vec<u8>,
}

impl EncryptedSecretKey {
    /// Parses an encrypted key, with or without Octez's `encrypted:` before it; `None` if the text is anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        let (prefix, payload) = base58check::decode_any(text.strip_prefix("encrypted:").unwrap_or(text)).ok()?;
        let curve = Curve::ALL.into_iter().find(|curve| prefix_of(*curve) == prefix)?;
        Some(Self { curve, payload: payload.to_vec() })
    }

    /// Encrypts a key with a new salt. Takes some 30 ms of CPU time: not for an async thread.
    ///
    /// # Errors
    /// [`EncryptedKeyError::NoRandomness`]; no input is known to cause [`EncryptedKeyError::CannotEncrypt`].
    pub fn encrypt(key: &SecretKey, password: &SecretString) -> Result<Self, EncryptedKeyError> {
        let mut salt = [0; SALT_LENGTH];
        getrandom::fill(&mut salt).map_err(|_| EncryptedKeyError::NoRandomness)?;
        let secret = key.to_bytes();
        let sealed = secretbox(&salt, password)
            .encrypt(&Nonce::default(), secret.as_slice())
            .map_err(|_| EncryptedKeyError::CannotEncrypt)?;
        Ok(Self { curve: key.public_key().curve(), payload: [salt.as_slice(), &sealed].concat() })
    }

    /// Decrypts the key. Takes some 30 ms of CPU time: not for an async thread.
    ///
    /// # Errors
    /// [`EncryptedKeyError::WrongPassword`]; [`EncryptedKeyError::Key`] if the password is right and the content is not a secret
    /// key of this curve.
    pub fn decrypt(&self, password: &SecretString) -> Result<SecretKey, EncryptedKeyError> {
        let (salt, sealed) = self.payload.split_at_checked(SALT_LENGTH).ok_or(EncryptedKeyError::WrongPassword)?;
        let secret = secretbox(salt, password)
            .decrypt(&Nonce::default(), sealed)
            .map(Zeroizing::new)
            .map_err(|_| EncryptedKeyError::WrongPassword)?;
        Ok(SecretKey::from_bytes(self.curve, &secret)?)
    }

    /// The key as Octez writes it, without the `encrypted:` scheme.
    pub fn to_text(&self) -> String {
        base58check::encode(prefix_of(self.curve), &self.payload)
    }
}

impl fmt::Debug for EncryptedSecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EncryptedSecretKey({})", self.curve)
    }
}

/// Why a key cannot be encrypted or decrypted. Contains no part of the key or the password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncryptedKeyError {
    /// The box does not open: a wrong password, or a damaged text with a valid checksum.
    #[error("the password is wrong")]
    WrongPassword,
    /// The content is not a secret key.
    #[error("{0}")]
    Key(#[from] SecretKeyError),
    /// The operating system provides no random numbers.
    #[error("the operating system provides no random numbers")]
    NoRandomness,
    /// The cipher failed.
    #[error("cannot encrypt the key")]
    CannotEncrypt,
}

fn secretbox(salt: &[u8], password: &SecretString) -> XSalsa20Poly1305 {
    let mut key = Key::default();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, ROUNDS, salt, password.expose_secret().as_bytes(), &mut key);
    let secretbox = XSalsa20Poly1305::new(&key);
    key.zeroize();
    secretbox
}

const fn prefix_of(curve: Curve) -> Prefix {
    match curve {
        Curve::Ed25519 => Prefix::Ed25519EncryptedSecretKey,
        Curve::Secp256k1 => Prefix::Secp256k1EncryptedSecretKey,
        Curve::P256 => Prefix::P256EncryptedSecretKey,
        Curve::Bls => Prefix::BlsEncryptedSecretKey,
    }
}
