//! The curves, and the prefixes of their texts.

use crate::base58::Prefix;
use serde::{Deserialize, Serialize};

/// The curves of bakers' keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Curve {
    /// tz1.
    Ed25519,
    /// tz2.
    Secp256k1,
    /// tz3.
    P256,
    /// tz4, BLS12-381.
    Bls,
}

impl Curve {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Ed25519, Self::Secp256k1, Self::P256, Self::Bls];

    /// Name in the conformance cases.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Secp256k1 => "secp256k1",
            Self::P256 => "p256",
            Self::Bls => "bls",
        }
    }

    /// Tag of a public key or its hash in binary encodings.
    pub const fn tag(self) -> u8 {
        match self {
            Self::Ed25519 => 0,
            Self::Secp256k1 => 1,
            Self::P256 => 2,
            Self::Bls => 3,
        }
    }

    /// Prefix of unencrypted secret keys: `edsk`, `spsk`, `p2sk`, `BLsk`.
    pub const fn secret_key(self) -> Prefix {
        let bytes: &[u8] = match self {
            Self::Ed25519 => &[0x0d, 0x0f, 0x3a, 0x07],
            Self::Secp256k1 => &[0x11, 0xa2, 0xe0, 0xc9],
            Self::P256 => &[0x10, 0x51, 0xee, 0xbd],
            Self::Bls => &[0x03, 0x96, 0xc0, 0x28],
        };
        Prefix { bytes, length: 32 }
    }

    /// Prefix of public keys: `edpk`, `sppk`, `p2pk`, `BLpk`.
    pub const fn public_key(self) -> Prefix {
        let (bytes, length): (&[u8], usize) = match self {
            Self::Ed25519 => (&[0x0d, 0x0f, 0x25, 0xd9], 32),
            Self::Secp256k1 => (&[0x03, 0xfe, 0xe2, 0x56], 33),
            Self::P256 => (&[0x03, 0xb2, 0x8b, 0x7f], 33),
            Self::Bls => (&[0x06, 0x95, 0x87, 0xcc], 48),
        };
        Prefix { bytes, length }
    }

    /// Prefix of public key hashes: `tz1` to `tz4`.
    pub const fn hash(self) -> Prefix {
        let bytes: &[u8] = match self {
            Self::Ed25519 => &[0x06, 0xa1, 0x9f],
            Self::Secp256k1 => &[0x06, 0xa1, 0xa1],
            Self::P256 => &[0x06, 0xa1, 0xa4],
            Self::Bls => &[0x06, 0xa1, 0xa6],
        };
        Prefix { bytes, length: 20 }
    }

    /// Prefix of signatures: `edsig`, `spsig1`, `p2sig`, `BLsig`.
    pub const fn signature(self) -> Prefix {
        let (bytes, length): (&[u8], usize) = match self {
            Self::Ed25519 => (&[0x09, 0xf5, 0xcd, 0x86, 0x12], 64),
            Self::Secp256k1 => (&[0x0d, 0x73, 0x65, 0x13, 0x3f], 64),
            Self::P256 => (&[0x36, 0xf0, 0x2c, 0x34], 64),
            Self::Bls => (&[0x28, 0xab, 0x40, 0xcf], 96),
        };
        Prefix { bytes, length }
    }
}
