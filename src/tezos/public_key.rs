//! Public keys, their hashes, and the verification of signatures.

use super::base58check::{self, Base58CheckError};
use super::{BlsScheme, Curve, Digest, Signature, bls};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use blake2::digest::consts::U20;
use blake2::{Blake2b, Digest as _};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A valid public key: a point on its curve, and not the identity.
///
/// Bytes: Ed25519 32; secp256k1 and P-256 33 (compressed); BLS12-381 48 (compressed point of G1).
#[derive(Clone)]
pub struct PublicKey {
    bytes: Vec<u8>,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Ed25519(ed25519_dalek::VerifyingKey),
    Secp256k1(secp256k1::PublicKey),
    P256(ParsedPublicKey),
    Bls(Box<blst::min_pk::PublicKey>),
}

impl PublicKey {
    /// Parses the bytes of a key.
    ///
    /// # Errors
    /// [`InvalidPublicKey::NotAPoint`] if they are not a usable key of that curve.
    pub fn from_bytes(curve: Curve, bytes: &[u8]) -> Result<Self, InvalidPublicKey> {
        let invalid = || InvalidPublicKey::NotAPoint { curve };
        if bytes.len() != curve.public_key_prefix().payload_length() {
            return Err(invalid());
        }
        let verifier = match curve {
            Curve::Ed25519 => {
                let bytes = bytes.try_into().map_err(|_| invalid())?;
                let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| invalid())?;
                if key.is_weak() {
                    return Err(invalid());
                }
                Verifier::Ed25519(key)
            }
            Curve::Secp256k1 => Verifier::Secp256k1(secp256k1::PublicKey::from_slice(bytes).map_err(|_| invalid())?),
            Curve::P256 => {
                // aws-lc accepts the uncompressed form only; p256 decompresses the point.
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map_err(|_| invalid())?;
                let point = key.to_sec1_point(false);
                Verifier::P256(ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.as_bytes()).map_err(|_| invalid())?)
            }
            Curve::Bls => Verifier::Bls(Box::new(blst::min_pk::PublicKey::key_validate(bytes).map_err(|_| invalid())?)),
        };
        Ok(Self { bytes: bytes.to_vec(), verifier })
    }

    /// The key with the affine coordinates `x` and `y`, big-endian; for secp256k1 and P-256.
    ///
    /// # Errors
    /// [`InvalidPublicKey::NotOnCurve`] if there is no such point: the curve's equation does not hold, or a coordinate is not
    /// below the field's prime. The point at infinity has no coordinates. [`InvalidPublicKey::NotAPoint`] for other curves.
    pub fn from_coordinates(curve: Curve, x: &[u8; 32], y: &[u8; 32]) -> Result<Self, InvalidPublicKey> {
        let not_on_curve = || InvalidPublicKey::NotOnCurve { curve };
        // SEC 1, section 2.3.4: parsing the uncompressed form checks both coordinates.
        let mut uncompressed = vec![4];
        uncompressed.extend(x);
        uncompressed.extend(y);
        let compressed = match curve {
            Curve::Secp256k1 => {
                let key = secp256k1::PublicKey::from_slice(&uncompressed).map_err(|_| not_on_curve())?;
                key.serialize().to_vec()
            }
            Curve::P256 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&uncompressed).map_err(|_| not_on_curve())?;
                key.to_sec1_point(true).as_bytes().to_vec()
            }
            Curve::Ed25519 | Curve::Bls => return Err(InvalidPublicKey::NotAPoint { curve }),
        };
        Self::from_bytes(curve, &compressed)
    }

    /// The key's curve.
    pub const fn curve(&self) -> Curve {
        match self.verifier {
            Verifier::Ed25519(_) => Curve::Ed25519,
            Verifier::Secp256k1(_) => Curve::Secp256k1,
            Verifier::P256(_) => Curve::P256,
            Verifier::Bls(_) => Curve::Bls,
        }
    }

    /// The key's bytes; see [`PublicKey`] for their form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The address: the BLAKE2b-160 of the bytes.
    pub fn hash(&self) -> PublicKeyHash {
        PublicKeyHash { curve: self.curve(), hash: Blake2b::<U20>::digest(&self.bytes).into() }
    }

    /// Checks that `signature` is by this key and for `payload`, as the Tezos protocol does: over the BLAKE2b-256 digest
    /// for tz1, tz2 and tz3, over the payload itself for tz4; with s in the lower half for tz2.
    ///
    /// # Errors
    /// [`WrongSignature`] if it is not.
    pub fn verify(&self, payload: &[u8], scheme: BlsScheme, signature: &Signature) -> Result<(), WrongSignature> {
        let right = match (&self.verifier, signature) {
            (Verifier::Bls(key), Signature::Bls(bytes)) => bls::verify(key, scheme, payload, bytes),
            _ => self.is_over(&Digest::of(payload), signature),
        };
        if right { Ok(()) } else { Err(WrongSignature { key: self.hash() }) }
    }

    /// Checks that `signature` is by this key and for the payload with this digest. `None` for a tz4 key, whose signatures are not
    /// over a digest.
    ///
    /// # Errors
    /// [`WrongSignature`] if it is not.
    pub fn verify_digest(&self, payload: &Digest, signature: &Signature) -> Option<Result<(), WrongSignature>> {
        if self.curve() == Curve::Bls {
            return None;
        }
        Some(if self.is_over(payload, signature) { Ok(()) } else { Err(WrongSignature { key: self.hash() }) })
    }

    fn is_over(&self, digest: &Digest, signature: &Signature) -> bool {
        match (&self.verifier, signature) {
            (Verifier::Ed25519(key), Signature::Ed25519(bytes)) => {
                let signature = ed25519_dalek::Signature::from_bytes(bytes);
                key.verify_strict(digest.as_bytes(), &signature).is_ok()
            }
            (Verifier::Secp256k1(key), Signature::Secp256k1(bytes)) => {
                // The library that Octez verifies with. It refuses s in the upper half, as the protocol does.
                let message = secp256k1::Message::from_digest(*digest.as_bytes());
                secp256k1::ecdsa::Signature::from_compact(bytes)
                    .is_ok_and(|signature| signature.verify(message, key).is_ok())
            }
            (Verifier::P256(key), Signature::P256(bytes)) => {
                // aws-lc has no BLAKE2b; ECDSA accepts any 32 bytes as the hash, so they are passed as one of SHA-256.
                aws_lc_rs::digest::Digest::import_less_safe(digest.as_bytes(), &aws_lc_rs::digest::SHA256)
                    .is_ok_and(|digest| key.verify_digest_sig(&digest, bytes).is_ok())
            }
            _ => false,
        }
    }

    /// Checks a proof of possession, about this key or about the key `about`.
    ///
    /// # Errors
    /// [`WrongSignature`] if the proof is invalid, or this is not a tz4 key.
    pub fn verify_possession(&self, about: Option<&BlsPublicKey>, proof: &Signature) -> Result<(), WrongSignature> {
        let right = match (&self.verifier, proof) {
            (Verifier::Bls(key), Signature::Bls(proof)) => {
                let own = key.compress();
                bls::verify_possession(key, about.map_or(&own, BlsPublicKey::as_bytes), proof)
            }
            _ => false,
        };
        if right { Ok(()) } else { Err(WrongSignature { key: self.hash() }) }
    }
}

/// A tz4 public key, the subject of a proof of possession.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlsPublicKey([u8; 48]);

impl BlsPublicKey {
    /// The compressed point of G1.
    pub const fn as_bytes(&self) -> &[u8; 48] {
        &self.0
    }
}

impl TryFrom<&PublicKey> for BlsPublicKey {
    type Error = NotBls;

    fn try_from(key: &PublicKey) -> Result<Self, Self::Error> {
        match &key.verifier {
            Verifier::Bls(key) => Ok(Self(key.compress())),
            _ => Err(NotBls { found: key.curve().public_key_prefix().name() }),
        }
    }
}

/// The public key is of another curve than tz4.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("this is {found}, expected the public key of a tz4 key (BLpk)")]
pub struct NotBls {
    /// What it is, in words.
    pub found: &'static str,
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.curve() == other.curve() && self.bytes == other.bytes
    }
}

impl Eq for PublicKey {}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&base58check::encode(self.curve().public_key_prefix(), &self.bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (prefix, bytes) = base58check::decode_any(text)?;
        let curve = Curve::ALL
            .into_iter()
            .find(|curve| curve.public_key_prefix() == prefix)
            .ok_or(InvalidPublicKey::NotAPublicKey { found: prefix.name() })?;
        Self::from_bytes(curve, &bytes)
    }
}

/// Why a text or bytes are not a public key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPublicKey {
    /// Not valid Base58Check.
    #[error(transparent)]
    Text(#[from] Base58CheckError),
    /// Valid Base58Check of something else.
    #[error("this is {found}, expected a public key (edpk, sppk, p2pk or BLpk)")]
    NotAPublicKey {
        /// What it is, in words.
        found: &'static str,
    },
    /// The bytes are not a usable point of the curve.
    #[error("the bytes are not a valid {curve} public key")]
    NotAPoint {
        /// The curve.
        curve: Curve,
    },
    /// The coordinates are not those of a point of the curve.
    #[error("the point (x, y) is not on the curve {curve}")]
    NotOnCurve {
        /// The curve.
        curve: Curve,
    },
}

/// A signature that is not valid for the key and the payload.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the signature is not valid for this payload and {key}")]
pub struct WrongSignature {
    /// The hash of the key.
    pub key: PublicKeyHash,
}

/// The address of a key: its curve and the BLAKE2b-160 of the public key. `tz1…` to `tz4…` as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKeyHash {
    curve: Curve,
    hash: [u8; 20],
}

impl PublicKeyHash {
    /// The curve of the key.
    pub const fn curve(&self) -> Curve {
        self.curve
    }

    /// The 21 bytes that identify a key in operations: the curve's tag and the hash.
    pub fn to_bytes(&self) -> [u8; 21] {
        let mut bytes = [0; 21];
        let (tag, hash) = bytes.split_at_mut(1);
        tag.fill(self.curve.tag());
        hash.copy_from_slice(&self.hash);
        bytes
    }
}

impl fmt::Display for PublicKeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&base58check::encode(self.curve.hash_prefix(), &self.hash))
    }
}

impl fmt::Debug for PublicKeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKeyHash({self})")
    }
}

impl FromStr for PublicKeyHash {
    type Err = Base58CheckError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (prefix, bytes) = base58check::decode_any(text)?;
        let wrong = || Base58CheckError::WrongPrefix {
            expected: "a public key hash (tz1, tz2, tz3 or tz4)",
            found: prefix.name(),
        };
        let curve = Curve::ALL.into_iter().find(|curve| curve.hash_prefix() == prefix).ok_or_else(wrong)?;
        Ok(Self { curve, hash: bytes.as_slice().try_into().map_err(|_| wrong())? })
    }
}
