//! BLS12-381 signatures in Octez's three domains.

use blst::BLST_ERROR;
use blst::min_pk::{AggregateSignature, PublicKey, SecretKey, Signature};
use serde::{Deserialize, Serialize};

/// What a BLS12-381 signature covers (Octez, `bls12_381_signature.ml`, `MinPk`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// A message: `version=2`, `version=3`, or no version.
    #[default]
    ProofOfPossession,
    /// The public key and the message: `version=1`.
    Augmented,
    /// A public key, to prove possession of the secret key.
    Possession,
}

impl Scheme {
    const fn domain(self) -> &'static [u8] {
        match self {
            Self::ProofOfPossession => b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
            Self::Augmented => b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_AUG_",
            Self::Possession => b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
        }
    }

    fn augmentation(self, key: &PublicKey) -> Vec<u8> {
        if self == Self::Augmented { key.compress().to_vec() } else { Vec::new() }
    }

    pub(super) fn sign(self, key: &SecretKey, message: &[u8]) -> [u8; 96] {
        key.sign(message, self.domain(), &self.augmentation(&key.sk_to_pk())).compress()
    }

    pub(super) fn is_signed(self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        Signature::uncompress(signature).is_ok_and(|signature| {
            signature.verify(true, message, self.domain(), &self.augmentation(key), key, true)
                == BLST_ERROR::BLST_SUCCESS
        })
    }
}

/// The sum of signatures of 96 bytes. Those that are no points are left out; without any, the result is the point at infinity.
pub fn aggregate<'a>(signatures: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let points: Vec<_> = signatures.filter_map(|bytes| Signature::uncompress(bytes).ok()).collect();
    let points: Vec<_> = points.iter().collect();
    let infinity = || [vec![0xc0], vec![0; 95]].concat();
    AggregateSignature::aggregate(&points, false)
        .map_or_else(|_| infinity(), |sum| sum.to_signature().compress().to_vec())
}
