//! Secret keys for tests, and signatures by them.

use super::{Curve, PublicKey, Scheme, digest, is_low, with_other_s};
use std::fmt;

/// A secret key for tests. It is public, but `Debug` prints its hash nevertheless.
#[derive(Clone)]
pub struct SecretKey {
    curve: Curve,
    /// As in the text: an Ed25519 seed, a big-endian number for ECDSA, a little-endian one for BLS12-381.
    bytes: [u8; 32],
    key: Key,
}

#[derive(Clone)]
enum Key {
    Ed25519(Box<crrl::ed25519::PrivateKey>),
    Secp256k1(crrl::secp256k1::PrivateKey),
    P256(crrl::p256::PrivateKey),
    Bls(Box<blst::min_pk::SecretKey>),
}

impl SecretKey {
    /// The key for a name, derived from a digest of the name.
    pub fn of_name(curve: Curve, name: &str) -> Option<Self> {
        let seed = digest(format!("tezos signer conformance: {name}").as_bytes());
        let bytes = match curve {
            Curve::Bls => {
                let mut bytes = blst::min_pk::SecretKey::key_gen(&seed, &[]).ok()?.to_bytes();
                bytes.reverse();
                bytes
            }
            _ => seed,
        };
        Self::from_bytes(curve, bytes)
    }

    /// The Ed25519 key for a seed.
    pub fn ed25519(seed: [u8; 32]) -> Self {
        let key = Key::Ed25519(Box::new(crrl::ed25519::PrivateKey::from_seed(&seed)));
        Self { curve: Curve::Ed25519, bytes: seed, key }
    }

    /// Parses `edsk…` (54 characters), `spsk…`, `p2sk…` or `BLsk…`.
    pub fn from_text(text: &str) -> Option<Self> {
        Curve::ALL.into_iter().find_map(|curve| {
            let bytes = curve.secret_key().decode(text)?;
            Self::from_bytes(curve, bytes.try_into().ok()?)
        })
    }

    /// From the 32 bytes in the key's text; `None` if they are not a valid key for this curve.
    pub fn from_bytes(curve: Curve, bytes: [u8; 32]) -> Option<Self> {
        let key = match curve {
            Curve::Ed25519 => return Some(Self::ed25519(bytes)),
            Curve::Secp256k1 => Key::Secp256k1(crrl::secp256k1::PrivateKey::decode(&bytes)?),
            Curve::P256 => Key::P256(crrl::p256::PrivateKey::decode(&bytes)?),
            Curve::Bls => {
                let mut big_endian = bytes;
                big_endian.reverse();
                Key::Bls(Box::new(blst::min_pk::SecretKey::from_bytes(&big_endian).ok()?))
            }
        };
        Some(Self { curve, bytes, key })
    }

    /// Curve.
    pub const fn curve(&self) -> Curve {
        self.curve
    }

    /// The text: `edsk…`, `spsk…`, `p2sk…` or `BLsk…`.
    pub fn text(&self) -> String {
        self.curve.secret_key().encode(&self.bytes)
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        let bytes = match &self.key {
            Key::Ed25519(key) => key.public_key.encode().to_vec(),
            Key::Secp256k1(key) => key.to_public_key().encode_compressed().to_vec(),
            Key::P256(key) => key.to_public_key().encode_compressed().to_vec(),
            Key::Bls(key) => key.sk_to_pk().compress().to_vec(),
        };
        PublicKey { curve: self.curve, bytes }
    }

    /// Signs in the format of Tezos, deterministically.
    pub fn sign(&self, payload: &[u8], scheme: Scheme) -> Vec<u8> {
        self.sign_with(payload, scheme, &[])
    }

    /// Signs with this randomness, which affects ECDSA only.
    pub fn sign_with(&self, payload: &[u8], scheme: Scheme, randomness: &[u8]) -> Vec<u8> {
        let hashed = digest(payload);
        match &self.key {
            Key::Ed25519(key) => key.sign_raw(&hashed).to_vec(),
            Key::Secp256k1(key) => with_low_s(key.sign_hash(&hashed, randomness)),
            Key::P256(key) => key.sign_hash(&hashed, randomness).to_vec(),
            Key::Bls(key) => scheme.sign(key, payload).to_vec(),
        }
    }

    /// Signs, and encodes the signature with the curve's prefix.
    pub fn sign_text(&self, payload: &[u8], scheme: Scheme) -> String {
        self.curve.signature().encode(&self.sign(payload, scheme))
    }

    /// A proof of possession about this key or another one; `None` if this is not a tz4 key.
    pub fn prove_possession(&self, about: Option<&PublicKey>) -> Option<Vec<u8>> {
        let Key::Bls(key) = &self.key else { return None };
        let own = self.public_key();
        Some(Scheme::Possession.sign(key, &about.unwrap_or(&own).bytes).to_vec())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("SecretKey").field(&self.public_key().hash()).finish()
    }
}

fn with_low_s(signature: [u8; 64]) -> Vec<u8> {
    if is_low(Curve::Secp256k1, &signature) { signature.to_vec() } else { with_other_s(Curve::Secp256k1, &signature) }
}
