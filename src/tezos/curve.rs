//! The curves of Tezos keys, with their names, tags and prefixes.

use super::base58check::Prefix;
use std::fmt;

/// The curve of a Tezos key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Curve {
    /// Ed25519: tz1.
    Ed25519,
    /// secp256k1 (P-256K in Azure): tz2.
    Secp256k1,
    /// NIST P-256: tz3.
    P256,
    /// BLS12-381, public keys in G1 (`MinPk`): tz4.
    Bls,
}

impl Curve {
    /// Every curve, in the order of its tag.
    pub const ALL: [Self; 4] = [Self::Ed25519, Self::Secp256k1, Self::P256, Self::Bls];

    /// The byte that tags the curve of a key or a hash (`src/lib_crypto/signature_v3.ml` in Octez).
    pub const fn tag(self) -> u8 {
        match self {
            Self::Ed25519 => 0,
            Self::Secp256k1 => 1,
            Self::P256 => 2,
            Self::Bls => 3,
        }
    }

    /// The curve's name on the command lines of Octez and of this program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Secp256k1 => "secp256k1",
            Self::P256 => "p256",
            Self::Bls => "bls",
        }
    }

    /// The first characters of addresses of this curve.
    pub const fn address_prefix(self) -> &'static str {
        self.hash_prefix().text()
    }

    pub(super) const fn hash_prefix(self) -> Prefix {
        match self {
            Self::Ed25519 => Prefix::Ed25519PublicKeyHash,
            Self::Secp256k1 => Prefix::Secp256k1PublicKeyHash,
            Self::P256 => Prefix::P256PublicKeyHash,
            Self::Bls => Prefix::BlsPublicKeyHash,
        }
    }

    pub(super) const fn public_key_prefix(self) -> Prefix {
        match self {
            Self::Ed25519 => Prefix::Ed25519PublicKey,
            Self::Secp256k1 => Prefix::Secp256k1PublicKey,
            Self::P256 => Prefix::P256PublicKey,
            Self::Bls => Prefix::BlsPublicKey,
        }
    }

    pub(super) const fn signature_prefix(self) -> Prefix {
        match self {
            Self::Ed25519 => Prefix::Ed25519Signature,
            Self::Secp256k1 => Prefix::Secp256k1Signature,
            Self::P256 => Prefix::P256Signature,
            Self::Bls => Prefix::BlsSignature,
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
