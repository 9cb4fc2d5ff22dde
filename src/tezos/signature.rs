//! Signatures, as bytes and as text.

use super::Curve;
use super::base58check::{self, Base58CheckError, Prefix};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A signature of a known curve.
///
/// ECDSA's r and s are 32 bytes each, big-endian. As text it has its curve's prefix (`edsig`, `spsig1`, `p2sig`, `BLsig`), as in
/// octez-signer's answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signature {
    /// 64 bytes, `R || s`.
    Ed25519([u8; 64]),
    /// 64 bytes, `r || s`, with s in the lower half of the group order: Tezos rejects others.
    Secp256k1([u8; 64]),
    /// 64 bytes, `r || s`; s may be in either half.
    P256([u8; 64]),
    /// 96 bytes, a compressed point of G2.
    Bls([u8; 96]),
}

impl Signature {
    /// A secp256k1 signature from `r || s`, with s normalized to the lower half. Vaults return either half; Tezos rejects the upper
    /// one.
    ///
    /// # Errors
    /// [`InvalidSignature::OutOfRange`] if r or s is zero or not below the group order.
    pub fn secp256k1(bytes: &[u8; 64]) -> Result<Self, InvalidSignature> {
        let signature = k256::ecdsa::Signature::from_slice(bytes).map_err(|_| InvalidSignature::OutOfRange)?;
        Ok(Self::Secp256k1(signature.normalize_s().to_bytes().into()))
    }

    /// The curve of the signing key.
    pub const fn curve(&self) -> Curve {
        match self {
            Self::Ed25519(_) => Curve::Ed25519,
            Self::Secp256k1(_) => Curve::Secp256k1,
            Self::P256(_) => Curve::P256,
            Self::Bls(_) => Curve::Bls,
        }
    }

    /// The 64 or 96 bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) | Self::Secp256k1(bytes) | Self::P256(bytes) => bytes,
            Self::Bls(bytes) => bytes,
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&base58check::encode(self.curve().signature_prefix(), self.as_bytes()))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signature({self})")
    }
}

/// A signature as a client writes it: with the prefix of its curve, or with the generic one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureText {
    /// `edsig`, `spsig1`, `p2sig` or `BLsig`.
    Known(Signature),
    /// `sig`: 64 bytes of any curve but BLS12-381.
    Generic([u8; 64]),
}

impl SignatureText {
    /// The signature as one of `curve`; `None` if it cannot be.
    pub fn of_curve(&self, curve: Curve) -> Option<Signature> {
        match self {
            Self::Known(signature) => (signature.curve() == curve).then_some(*signature),
            Self::Generic(bytes) => match curve {
                Curve::Ed25519 => Some(Signature::Ed25519(*bytes)),
                Curve::Secp256k1 => Some(Signature::Secp256k1(*bytes)),
                Curve::P256 => Some(Signature::P256(*bytes)),
                Curve::Bls => None,
            },
        }
    }
}

impl FromStr for SignatureText {
    type Err = InvalidSignature;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (prefix, bytes) = base58check::decode_any(text)?;
        let not_a_signature = || InvalidSignature::NotASignature { found: prefix.name() };
        let bytes64 = || bytes.as_slice().try_into().map_err(|_| not_a_signature());
        match prefix {
            Prefix::Ed25519Signature => Ok(Self::Known(Signature::Ed25519(bytes64()?))),
            Prefix::Secp256k1Signature => Ok(Self::Known(Signature::Secp256k1(bytes64()?))),
            Prefix::P256Signature => Ok(Self::Known(Signature::P256(bytes64()?))),
            Prefix::GenericSignature => Ok(Self::Generic(bytes64()?)),
            Prefix::BlsSignature => {
                Ok(Self::Known(Signature::Bls(bytes.as_slice().try_into().map_err(|_| not_a_signature())?)))
            }
            _ => Err(not_a_signature()),
        }
    }
}

/// Why a text or bytes are not a signature.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSignature {
    /// Not valid Base58Check.
    #[error(transparent)]
    Text(#[from] Base58CheckError),
    /// Valid Base58Check of something else.
    #[error("this is {found}, expected a signature (edsig, spsig1, p2sig, BLsig or sig)")]
    NotASignature {
        /// What it is.
        found: &'static str,
    },
    /// r or s is zero, or not below the group order.
    #[error("r or s is outside the range of the group")]
    OutOfRange,
}
