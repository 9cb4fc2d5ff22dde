//! Secret keys in memory: parsing, generating and signing. For sealed keys and development vaults; keys in a vault of Azure never leave
//! it.

use super::base58check::{self, Base58CheckError, Prefix};
use super::{BlsPublicKey, BlsScheme, Curve, Digest, PublicKey, Signature, bls};
use crate::secret_memory;
use blst::blst_scalar;
use ed25519_dalek::Signer;
use k256::ecdsa::signature::hazmat::PrehashSigner;
use locked_memory::{Locked, with_clean_stack};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// A secret key in memory. Never printed. Held in [memory for secrets](Locked), which is wiped when it is dropped, and nowhere else:
/// the stack is wiped after each operation that may leave copies on it.
pub struct SecretKey {
    signer: Locked<KeyPair>,
    public_key: PublicKey,
}

enum KeyPair {
    Ed25519(ed25519_dalek::SigningKey),
    Secp256k1(k256::ecdsa::SigningKey),
    P256(p256::ecdsa::SigningKey),
    /// Little-endian. Not the library's own type, which can only be moved, and leaves a copy behind each time.
    Bls(blst_scalar),
}

impl SecretKey {
    /// Generates a key from the operating system's random numbers.
    ///
    /// # Errors
    /// [`SecretKeyError::NoRandomness`] or [`SecretKeyError::NoMemory`] if the system provides none.
    pub fn generate(curve: Curve) -> Result<Self, SecretKeyError> {
        with_clean_stack(|| Self::generate_with_copies(curve))
    }

    fn generate_with_copies(curve: Curve) -> Result<Self, SecretKeyError> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        loop {
            getrandom::fill(seed.as_mut_slice()).map_err(|_| SecretKeyError::NoRandomness)?;
            let key = match curve {
                Curve::Bls => {
                    let key = blst::min_pk::SecretKey::key_gen(seed.as_slice(), &[])
                        .map_err(|_| SecretKeyError::OutOfRange { curve })?;
                    let scalar: &blst_scalar = (&key).into();
                    Self::from_bytes(curve, &scalar.b)
                }
                _ => Self::from_bytes(curve, seed.as_slice()),
            };
            match key {
                // One seed in 2^32 is above the order of P-256; the others never are in practice.
                Err(SecretKeyError::OutOfRange { .. }) => {}
                key => return key,
            }
        }
    }

    /// Parses an unencrypted secret key: `edsk…` (seed or full), `spsk…`, `p2sk…` or `BLsk…`, also with Octez's
    /// `unencrypted:` before it. Encrypted ones are refused; [`super::EncryptedSecretKey`] decrypts them.
    ///
    /// # Errors
    /// [`SecretKeyError`], which never contains the text.
    pub fn from_text(text: &str) -> Result<Self, SecretKeyError> {
        with_clean_stack(|| Self::from_text_with_copies(text))
    }

    fn from_text_with_copies(text: &str) -> Result<Self, SecretKeyError> {
        if let Some(error) = other_form(text) {
            return Err(error);
        }
        let text = text.strip_prefix("unencrypted:").or_else(|| text.strip_prefix("encrypted:")).unwrap_or(text);
        let (prefix, bytes) = base58check::decode_any(text)?;
        match prefix {
            Prefix::Ed25519Seed => Self::from_bytes(Curve::Ed25519, &bytes),
            Prefix::Ed25519SecretKey => {
                let (seed, public_key) = bytes.split_at(32);
                let key = Self::from_bytes(Curve::Ed25519, seed)?;
                if key.public_key.as_bytes() == public_key { Ok(key) } else { Err(SecretKeyError::Mismatch) }
            }
            Prefix::Secp256k1SecretKey => Self::from_bytes(Curve::Secp256k1, &bytes),
            Prefix::P256SecretKey => Self::from_bytes(Curve::P256, &bytes),
            Prefix::BlsSecretKey => Self::from_bytes(Curve::Bls, &bytes),
            Prefix::Ed25519EncryptedSecretKey
            | Prefix::Secp256k1EncryptedSecretKey
            | Prefix::P256EncryptedSecretKey
            | Prefix::BlsEncryptedSecretKey => Err(SecretKeyError::Encrypted { found: prefix.name() }),
            _ => Err(SecretKeyError::NotASecretKey { found: prefix.name() }),
        }
    }

    /// The key as Octez writes it: `edsk…` (seed), `spsk…`, `p2sk…` or `BLsk…`.
    pub fn to_text(&self) -> Zeroizing<String> {
        let prefix = match &*self.signer {
            KeyPair::Ed25519(_) => Prefix::Ed25519Seed,
            KeyPair::Secp256k1(_) => Prefix::Secp256k1SecretKey,
            KeyPair::P256(_) => Prefix::P256SecretKey,
            KeyPair::Bls(_) => Prefix::BlsSecretKey,
        };
        Zeroizing::new(base58check::encode(prefix, self.to_bytes().as_slice()))
    }

    /// The 32 bytes that [`Self::from_bytes`] parses.
    pub(crate) fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        match &*self.signer {
            KeyPair::Ed25519(key) => Zeroizing::new(key.to_bytes()),
            KeyPair::Secp256k1(key) => Zeroizing::new(key.to_bytes().into()),
            KeyPair::P256(key) => Zeroizing::new(key.to_bytes().into()),
            KeyPair::Bls(scalar) => Zeroizing::new(scalar.b),
        }
    }

    /// The matching public key.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Signs a whole payload: its BLAKE2b-256 digest for tz1, tz2 and tz3, the payload itself for tz4.
    ///
    /// # Errors
    /// [`SecretKeyError::CannotSign`]; no input is known to cause it.
    pub fn sign(&self, payload: &[u8], scheme: BlsScheme) -> Result<Signature, SecretKeyError> {
        let digest = Digest::of(payload);
        let cannot_sign = |_| SecretKeyError::CannotSign;
        Ok(match &*self.signer {
            KeyPair::Ed25519(key) => Signature::Ed25519(key.sign(digest.as_bytes()).to_bytes()),
            KeyPair::Secp256k1(key) => {
                let signature: k256::ecdsa::Signature = key.sign_prehash(digest.as_bytes()).map_err(cannot_sign)?;
                Signature::secp256k1(&signature.to_bytes().into()).map_err(|_| SecretKeyError::CannotSign)?
            }
            KeyPair::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(digest.as_bytes()).map_err(cannot_sign)?;
                Signature::P256(signature.to_bytes().into())
            }
            KeyPair::Bls(scalar) => {
                let sign = || in_range(scalar).map(|key| bls::sign(key, scheme, payload));
                Signature::Bls(with_clean_stack(sign)?)
            }
        })
    }

    /// A proof of possession, about this key or about the tz4 key `about`.
    ///
    /// # Errors
    /// [`SecretKeyError::NotBls`] if this is not a tz4 key.
    pub fn prove_possession(&self, about: Option<&BlsPublicKey>) -> Result<Signature, SecretKeyError> {
        let KeyPair::Bls(scalar) = &*self.signer else { return Err(SecretKeyError::NotBls) };
        with_clean_stack(|| {
            let key = in_range(scalar)?;
            let own = key.sk_to_pk().compress();
            let about = about.map_or(&own, BlsPublicKey::as_bytes);
            Ok(Signature::Bls(bls::prove_possession(key, about)))
        })
    }

    /// Parses 32 bytes: a seed for Ed25519, a scalar for the others, big-endian for ECDSA and little-endian for BLS.
    pub(crate) fn from_bytes(curve: Curve, bytes: &[u8]) -> Result<Self, SecretKeyError> {
        with_clean_stack(|| {
            let bytes: &[u8; 32] = bytes.try_into().map_err(|_| SecretKeyError::OutOfRange { curve })?;
            let signer = key_pair(curve, bytes)?;
            let public_key = public_key_of(&signer)?;
            Ok(Self { signer, public_key })
        })
    }
}

fn key_pair(curve: Curve, bytes: &[u8; 32]) -> Result<Locked<KeyPair>, SecretKeyError> {
    let out_of_range = |_| SecretKeyError::OutOfRange { curve };
    let locked = |pair| secret_memory::locked(pair).map_err(|_| SecretKeyError::NoMemory);
    match curve {
        Curve::Ed25519 => locked(KeyPair::Ed25519(ed25519_dalek::SigningKey::from_bytes(bytes))),
        Curve::Secp256k1 => {
            locked(KeyPair::Secp256k1(k256::ecdsa::SigningKey::from_slice(bytes).map_err(out_of_range)?))
        }
        Curve::P256 => locked(KeyPair::P256(p256::ecdsa::SigningKey::from_slice(bytes).map_err(out_of_range)?)),
        Curve::Bls => {
            let mut pair = locked(KeyPair::Bls(blst_scalar::default()))?;
            if let KeyPair::Bls(scalar) = &mut *pair {
                scalar.b.copy_from_slice(bytes);
                in_range(scalar).map_err(|_| SecretKeyError::OutOfRange { curve })?;
            }
            Ok(pair)
        }
    }
}

fn public_key_of(signer: &KeyPair) -> Result<PublicKey, SecretKeyError> {
    match signer {
        KeyPair::Ed25519(key) => PublicKey::from_bytes(Curve::Ed25519, key.verifying_key().as_bytes()),
        KeyPair::Secp256k1(key) => {
            PublicKey::from_bytes(Curve::Secp256k1, key.verifying_key().to_sec1_point(true).as_bytes())
        }
        KeyPair::P256(key) => PublicKey::from_bytes(Curve::P256, key.verifying_key().to_sec1_point(true).as_bytes()),
        KeyPair::Bls(scalar) => PublicKey::from_bytes(Curve::Bls, &in_range(scalar)?.sk_to_pk().compress()),
    }
    .map_err(|_| SecretKeyError::Mismatch)
}

/// A BLS key where it is, without a copy. It is in range since [`key_pair`] has checked it, so this succeeds.
fn in_range(scalar: &blst_scalar) -> Result<&blst::min_pk::SecretKey, SecretKeyError> {
    scalar.try_into().map_err(|_| SecretKeyError::CannotSign)
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SecretKey(of {})", self.public_key.hash())
    }
}

/// Why a text is not a usable secret key, or why a key cannot sign. Contains no part of any key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SecretKeyError {
    /// Not valid Base58Check.
    #[error("{}", redacted(.0))]
    Text(#[from] Base58CheckError),
    /// Valid Base58Check of something else.
    #[error("this is {found}, expected a secret key (edsk, spsk, p2sk or BLsk)")]
    NotASecretKey {
        /// What it is.
        found: &'static str,
    },
    /// A secret key encrypted with a password.
    #[error("this is {found}, which cannot be read without its password")]
    Encrypted {
        /// What it is.
        found: &'static str,
    },
    /// Hexadecimal digits instead of Base58Check.
    #[error("this is hexadecimal, expected {EXPECTED}. {TO_BASE58}")]
    Hexadecimal,
    /// PEM, as OpenSSL writes keys.
    #[error(
        "this is PEM, expected {EXPECTED}. A key for Azure is imported there: az keyvault key import --vault-name <vault> -n \
         <name> --pem-file <file> --ops sign verify. For a local file, `openssl pkey -in <file> -text -noout` prints its \
         number in hexadecimal. {TO_BASE58}"
    )]
    Pem,
    /// A JSON Web Key, for instance.
    #[error("this is JSON, expected {EXPECTED} and nothing else")]
    Json,
    /// A reference to a key, as octez-client writes it for keys that are stored elsewhere.
    #[error("this is a reference to a key ({scheme}:…), not the key itself: expected {EXPECTED}")]
    Location {
        /// The scheme of the reference.
        scheme: &'static str,
    },
    /// Zero, or not below the order of the group.
    #[error("the number is outside the range of {curve} secret keys")]
    OutOfRange {
        /// The curve.
        curve: Curve,
    },
    /// The public half does not match the secret half.
    #[error("the public half does not match the secret half")]
    Mismatch,
    /// A proof of possession by a key that is not tz4.
    #[error("only tz4 keys prove possession")]
    NotBls,
    /// The signature algorithm failed.
    #[error("the key could not sign")]
    CannotSign,
    /// The operating system provides no random numbers.
    #[error("the operating system provides no random numbers")]
    NoRandomness,
    /// The operating system provides no memory.
    #[error("the operating system provides no memory for a secret key")]
    NoMemory,
}

const EXPECTED: &str = "a secret key in Tezos format (edsk, spsk, p2sk or BLsk)";

const TO_BASE58: &str = "To convert a number: pip install pytezos 'fastecdsa<4', and in Python \
                         pytezos.Key.from_secret_exponent(bytes.fromhex('<digits>'), curve=b'p2').secret_key(), where the \
                         curve is b'ed', b'sp' or b'p2'";

/// Recognizes secret keys in other forms than Tezos's, and references to keys.
fn other_form(text: &str) -> Option<SecretKeyError> {
    const SCHEMES: [&str; 8] = ["http", "https", "ledger", "remote", "tcp", "unix", "aws", "pvss_encrypted"];
    /// The digits of 31 bytes: no Base58Check text of a key is that long and consists of digits only.
    const MIN_DIGITS: usize = 62;
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if text.starts_with("-----BEGIN") {
        Some(SecretKeyError::Pem)
    } else if text.starts_with('{') {
        Some(SecretKeyError::Json)
    } else if digits.len() >= MIN_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Some(SecretKeyError::Hexadecimal)
    } else {
        let scheme = text.split_once(':').map(|(scheme, _)| scheme)?;
        SCHEMES.into_iter().find(|known| *known == scheme).map(|scheme| SecretKeyError::Location { scheme })
    }
}

/// Errors may be logged, so a mistyped character of a secret key is left out.
fn redacted(error: &Base58CheckError) -> String {
    match error {
        Base58CheckError::NotBase58 { index, .. } => format!("the character at position {index} is not base 58"),
        other => other.to_string(),
    }
}
