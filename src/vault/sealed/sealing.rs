//! Sealing a secret, and opening it.

use super::associated_data;
use super::data_key::{DataKey, DataKeyError, NONCE_LENGTH};
use super::purpose::Purpose;
use super::recipient::{self, InvalidRecipient, InvalidRecipients, Recipient, RecipientKey};
use crate::tezos::{BlsScheme, Curve, PublicKey, SecretKey};
use locked_memory::with_clean_stack;
use thiserror::Error;

/// The length of the ciphertext in bytes: a secret of 32, and a tag of 16.
pub(super) const CIPHERTEXT_LENGTH: usize = 48;

/// A sealed tz4 key. Contains nothing secret in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    pub(super) public_key: PublicKey,
    pub(super) purpose: Purpose,
    pub(super) recipients: Vec<Recipient>,
    pub(super) nonce: [u8; NONCE_LENGTH],
    pub(super) ciphertext: [u8; CIPHERTEXT_LENGTH],
}

impl SealedKey {
    /// Seals a secret for recipients, with a data key and a nonce that are used only once. Needs only public keys.
    ///
    /// # Errors
    /// [`SealError`]
    pub fn seal(secret: &SecretKey, purpose: Purpose, recipients: &[RecipientKey]) -> Result<Self, SealError> {
        if secret.public_key().curve() != Curve::Bls {
            return Err(SealError::NotBls { curve: secret.public_key().curve() });
        }
        recipient::check(recipients.iter())?;
        let data_key = DataKey::generate()?;
        let wrap = |key: &RecipientKey| {
            let wrapped = key.public_key().wrap(data_key.as_bytes()).map_err(|_| SealError::Cipher)?;
            Ok::<_, SealError>(Recipient::new(key.clone(), wrapped)?)
        };
        let recipients = recipients.iter().map(wrap).collect::<Result<Vec<_>, _>>()?;
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce).map_err(|_| DataKeyError::NoRandomness)?;
        let associated_data = associated_data::encode(secret.public_key(), &purpose, &recipients);
        let ciphertext = data_key
            .encrypt(nonce, &associated_data, secret.to_bytes().as_slice())
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(SealError::Cipher)?;
        Ok(Self { public_key: secret.public_key().clone(), purpose, recipients, nonce, ciphertext })
    }

    /// Opens the key with the data key that a recipient has unwrapped.
    ///
    /// # Errors
    /// [`OpenError`], in particular if anything in the sealed key was changed.
    pub fn open(&self, data_key: &DataKey) -> Result<SecretKey, OpenError> {
        let secret = with_clean_stack(|| {
            let bytes = data_key
                .decrypt(self.nonce, &self.associated_data(), &self.ciphertext)
                .ok_or(OpenError::NotAuthentic)?;
            SecretKey::from_bytes(Curve::Bls, &bytes).map_err(|_| OpenError::NotASecretKey)
        })?;
        if secret.public_key() == &self.public_key { Ok(secret) } else { Err(OpenError::OtherKey) }
    }

    /// Opens the key as [`Self::open`] does, and tries it.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open_and_try(&self, data_key: &DataKey) -> Result<SecretKey, OpenError> {
        let secret = self.open(data_key)?;
        self.try_signing(&secret)?;
        Ok(secret)
    }

    /// Signs with the opened secret, and verifies.
    ///
    /// # Errors
    /// [`OpenError::CannotSign`]
    pub fn try_signing(&self, secret: &SecretKey) -> Result<(), OpenError> {
        // Its first byte is not a watermark, so the signature is of no use to anyone.
        const MESSAGE: &[u8] = b"azurehsm-signer: self-test of a sealed key";
        let scheme = BlsScheme::default();
        let signature = secret.sign(MESSAGE, scheme).map_err(|_| OpenError::CannotSign)?;
        self.public_key.verify(MESSAGE, scheme, &signature).map_err(|_| OpenError::CannotSign)
    }

    /// The public key.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// What the key is for.
    pub const fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// Those who can unwrap its data key.
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    pub(super) fn associated_data(&self) -> Vec<u8> {
        associated_data::encode(&self.public_key, &self.purpose, &self.recipients)
    }
}

/// Why a secret cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealError {
    /// Azure keeps keys of other curves, or the development vault does.
    #[error("only tz4 keys are sealed (BLsk…), and this is a {curve} key")]
    NotBls {
        /// The curve of the key.
        curve: Curve,
    },
    /// The recipients together.
    #[error(transparent)]
    Recipients(#[from] InvalidRecipients),
    /// One of the recipients.
    #[error(transparent)]
    Recipient(#[from] InvalidRecipient),
    /// There is no data key.
    #[error(transparent)]
    DataKey(#[from] DataKeyError),
    /// The library for cryptography failed; no input is known to cause it.
    #[error("the key could not be encrypted")]
    Cipher,
}

/// Why a sealed key cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenError {
    /// It differs from what was sealed, or the data key is that of another one.
    #[error("it was changed after it was sealed, or the data key belongs to another sealed key")]
    NotAuthentic,
    /// The secret is not a number in the range of BLS12-381: it was sealed wrongly.
    #[error("the secret is not a BLS12-381 secret key")]
    NotASecretKey,
    /// The secret has another public key: it was sealed wrongly.
    #[error("the secret belongs to another public key")]
    OtherKey,
    /// The secret was opened, and its signature is wrong.
    #[error("the key's own signature cannot be verified")]
    CannotSign,
}
