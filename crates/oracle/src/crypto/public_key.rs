//! Public keys, their hashes, and the verification of signatures.

use super::{Curve, Scheme, address, digest, is_low};
use crate::base58::GENERIC_SIGNATURE;
use thiserror::Error;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Curve.
    pub curve: Curve,
    /// 32, 33 or 48 bytes: a compressed point.
    pub bytes: Vec<u8>,
}

/// Why Tezos rejects a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WhyNot {
    /// The text has a wrong checksum, prefix or length.
    #[error("it is not the text of a signature by this curve")]
    Text,
    /// It is not a signature of this payload by this key.
    #[error("it is not of this payload by this key")]
    Wrong,
    /// s is high, which plain ECDSA accepts and Tezos rejects for tz2.
    #[error("s is in the upper half, which Tezos rejects for tz2")]
    HighS,
}

impl PublicKey {
    /// Parses `edpk…`, `sppk…`, `p2pk…` or `BLpk…`.
    pub fn from_text(text: &str) -> Option<Self> {
        Curve::ALL.into_iter().find_map(|curve| {
            let bytes = curve.public_key().decode(text)?;
            Some(Self { curve, bytes })
        })
    }

    /// The text: `edpk…`, `sppk…`, `p2pk…` or `BLpk…`.
    pub fn text(&self) -> String {
        self.curve.public_key().encode(&self.bytes)
    }

    /// The public key hash: `tz1…` to `tz4…`.
    pub fn hash(&self) -> String {
        self.curve.hash().encode(&address(&self.bytes))
    }

    /// The 21 bytes of the hash in operations and in authenticated requests: the curve's tag and BLAKE2b-160.
    pub fn hash_bytes(&self) -> Vec<u8> {
        [[self.curve.tag()].as_slice(), &address(&self.bytes)].concat()
    }

    /// The bytes that authenticate a request to sign a payload with this key: `04 01 || hash (21) || payload` (Octez,
    /// `signer_messages.ml`, `to_sign`).
    pub fn request_to_authenticate(&self, payload: &[u8]) -> Vec<u8> {
        [&[0x04, 0x01], self.hash_bytes().as_slice(), payload].concat()
    }

    /// Verifies a signature like Tezos: its text, by the curve, and with a low s for tz2. The generic prefix is accepted for curves
    /// with 64-byte signatures.
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn verify_text(&self, payload: &[u8], scheme: Scheme, text: &str) -> Result<(), WhyNot> {
        let generic = || GENERIC_SIGNATURE.decode(text).filter(|_| self.curve != Curve::Bls);
        let bytes = self.curve.signature().decode(text).or_else(generic).ok_or(WhyNot::Text)?;
        self.verify(payload, scheme, &bytes)
    }

    /// Verifies the bytes of a signature.
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn verify(&self, payload: &[u8], scheme: Scheme, signature: &[u8]) -> Result<(), WhyNot> {
        let hashed = digest(payload);
        let is_signed = match self.curve {
            Curve::Ed25519 => crrl::ed25519::PublicKey::decode(&self.bytes)
                .is_some_and(|key| signature.len() == 64 && key.verify_raw(signature, &hashed)),
            Curve::P256 => crrl::p256::PublicKey::decode(&self.bytes)
                .is_some_and(|key| signature.len() == 64 && key.verify_hash(signature, &hashed)),
            Curve::Bls => blst::min_pk::PublicKey::uncompress(&self.bytes)
                .is_ok_and(|key| scheme.is_signed(&key, payload, signature)),
            Curve::Secp256k1 => crrl::secp256k1::PublicKey::decode(&self.bytes)
                .is_some_and(|key| signature.len() == 64 && key.verify_hash(signature, &hashed)),
        };
        match is_signed {
            true if self.curve == Curve::Secp256k1 && !is_low(self.curve, signature) => Err(WhyNot::HighS),
            true => Ok(()),
            false => Err(WhyNot::Wrong),
        }
    }
}
