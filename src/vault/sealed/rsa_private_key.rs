//! RSA private keys that unwrap data keys: recovery keys, and keys that a vault has released.

use super::rsa_public_key::{InvalidRsaKey, RsaPublicKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeyPair, KeyPairComponents, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use std::fmt;
use zeroize::Zeroizing;

/// An RSA private key. Never printed; the library wipes it when it is dropped.
pub(super) struct RsaPrivateKey {
    key: OaepPrivateDecryptingKey,
    public_key: RsaPublicKey,
}

impl RsaPrivateKey {
    /// Parses PKCS #8, in DER.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, InvalidRsaKey> {
        let key = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| InvalidRsaKey::NotRsa)?;
        let public_key: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| InvalidRsaKey::NotRsa)?;
        let public_key = RsaPublicKey::from_der(public_key.as_ref())?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| InvalidRsaKey::NotRsa)?;
        Ok(Self { key, public_key })
    }

    /// From the numbers of the key, big-endian. They must belong together.
    pub(super) fn from_components(numbers: &KeyPairComponents<&[u8]>) -> Result<Self, InvalidRsaKey> {
        let key = KeyPair::from_components(numbers).map_err(|_| InvalidRsaKey::NotRsa)?;
        // The library wipes it.
        let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| InvalidRsaKey::NotRsa)?;
        Self::from_pkcs8(der.as_ref())
    }

    /// The public part.
    pub(super) const fn public_key(&self) -> &RsaPublicKey {
        &self.public_key
    }

    /// Decrypts with RSA-OAEP-256; `None` if something else was encrypted, or for another key.
    pub(super) fn unwrap(&self, wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let length = self.key.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut bytes, None).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}

impl fmt::Debug for RsaPrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RsaPrivateKey(of {})", self.public_key.fingerprint())
    }
}
