//! The public keys of recipients: RSA, as `SubjectPublicKeyInfo`.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::RsaPublicKeyComponents;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The smallest RSA key that may unwrap a data key: 128 bits of security, as the rest has.
pub const MIN_RSA_BITS: usize = 3072;

/// The RSA public key of a recipient.
#[derive(Clone)]
pub struct RsaPublicKey {
    der: Vec<u8>,
    key: PublicEncryptingKey,
}

impl RsaPublicKey {
    /// Parses a `SubjectPublicKeyInfo`, in DER.
    ///
    /// # Errors
    /// [`InvalidRsaKey`]
    pub fn from_der(der: &[u8]) -> Result<Self, InvalidRsaKey> {
        let key = PublicEncryptingKey::from_der(der).map_err(|_| InvalidRsaKey::NotRsa)?;
        let canonical: PublicKeyX509Der<'_> = key.as_der().map_err(|_| InvalidRsaKey::NotRsa)?;
        // Its fingerprint identifies the key, so there is one encoding of each.
        if canonical.as_ref() != der {
            return Err(InvalidRsaKey::NotCanonical);
        }
        if key.key_size_bits() < MIN_RSA_BITS {
            return Err(InvalidRsaKey::TooShort { bits: key.key_size_bits() });
        }
        Ok(Self { der: der.to_vec(), key })
    }

    /// Parses PEM: `-----BEGIN PUBLIC KEY-----`.
    ///
    /// # Errors
    /// [`InvalidRsaKey`]
    pub fn from_pem(text: &str) -> Result<Self, InvalidRsaKey> {
        if text.contains("PRIVATE KEY-----") {
            return Err(InvalidRsaKey::Private);
        }
        let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).map_err(|_| InvalidRsaKey::NotPem)?;
        Self::from_der(&der)
    }

    /// The key with this modulus and exponent, both big-endian.
    ///
    /// # Errors
    /// [`InvalidRsaKey`]
    pub fn from_components(modulus: &[u8], exponent: &[u8]) -> Result<Self, InvalidRsaKey> {
        let der: PublicKeyX509Der<'_> =
            RsaPublicKeyComponents { n: without_zeros(modulus), e: without_zeros(exponent) }
                .as_der()
                .map_err(|_| InvalidRsaKey::NotRsa)?;
        Self::from_der(der.as_ref())
    }

    /// The `SubjectPublicKeyInfo`, in DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-256 of the DER.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &self.der).as_ref());
        Fingerprint(bytes)
    }

    /// The length of the modulus and of everything that is encrypted with the key, in bytes.
    pub fn length(&self) -> usize {
        self.key.key_size_bytes()
    }

    /// Encrypts with RSA-OAEP-256: SHA-256 for both the label, which is empty, and the mask.
    pub(super) fn wrap(&self, plaintext: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let key = OaepPublicEncryptingKey::new(self.key.clone())?;
        let mut wrapped = vec![0; key.ciphertext_size()];
        let length = key.encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, &mut wrapped, None)?.len();
        wrapped.truncate(length);
        Ok(wrapped)
    }
}

/// JSON Web Keys of some services have leading zeros, which the library refuses.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

impl PartialEq for RsaPublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for RsaPublicKey {}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RsaPublicKey({})", self.fingerprint())
    }
}

/// The SHA-256 of a `SubjectPublicKeyInfo`, which identifies the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl FromStr for Fingerprint {
    type Err = InvalidRsaKey;

    fn from_str(text: &str) -> Result<Self, InvalidRsaKey> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidRsaKey::NotAFingerprint)?;
        let fingerprint = Self(bytes);
        if fingerprint.to_string() == text { Ok(fingerprint) } else { Err(InvalidRsaKey::NotAFingerprint) }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({self})")
    }
}

/// Why a key cannot be a recipient's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidRsaKey {
    /// Not PEM, or PEM of something else.
    #[error("expected an RSA public key in PEM (-----BEGIN PUBLIC KEY-----)")]
    NotPem,
    /// A private key, where only a public one is needed.
    #[error(
        "this is a private key, and only the public one is needed here: openssl pkey -in FILE -pubout -out PUBLIC-FILE. Keep the \
         private one offline"
    )]
    Private,
    /// Not an RSA key.
    #[error("expected an RSA public key, with an odd exponent above 1")]
    NotRsa,
    /// Another encoding of an RSA key.
    #[error("the encoding of the public key is not canonical DER of an RSA key (rsaEncryption)")]
    NotCanonical,
    /// Fewer bits than [`MIN_RSA_BITS`].
    #[error("an RSA key of {bits} bits is too short: expected {MIN_RSA_BITS} or more")]
    TooShort {
        /// The length of its modulus.
        bits: usize,
    },
    /// Not the SHA-256 of a key.
    #[error("expected the SHA-256 of the public key in DER, as 64 hexadecimal digits in lower case")]
    NotAFingerprint,
}
