//! BLS12-381 as Tezos uses it: public keys in G1 (48 bytes), signatures in G2 (96 bytes).

use blst::BLST_ERROR;
use blst::min_pk::{PublicKey, SecretKey, Signature};

const POP_DST: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
const AUG_DST: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_AUG_";
const POSSESSION_DST: &[u8] = b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/// The BLS signature scheme that a client expects, by `version=`. Other curves have only one scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BlsScheme {
    /// Proof-of-possession scheme: `version=2` and above, also for clients that send no version.
    #[default]
    ProofOfPossession,
    /// Message-augmentation scheme, `version=1`: the public key is signed in front of the message.
    Augmented,
}

impl BlsScheme {
    fn parameters(self, public_key: &PublicKey) -> (&'static [u8], Vec<u8>) {
        match self {
            Self::ProofOfPossession => (POP_DST, Vec::new()),
            Self::Augmented => (AUG_DST, public_key.compress().to_vec()),
        }
    }
}

pub(super) fn sign(key: &SecretKey, scheme: BlsScheme, message: &[u8]) -> [u8; 96] {
    let (dst, augmentation) = scheme.parameters(&key.sk_to_pk());
    key.sign(message, dst, &augmentation).compress()
}

/// Whether `signature` is valid for `message`. Checks the signature's subgroup; the public key's was checked when it was parsed.
pub(super) fn verify(key: &PublicKey, scheme: BlsScheme, message: &[u8], signature: &[u8; 96]) -> bool {
    let (dst, augmentation) = scheme.parameters(key);
    verify_with(key, dst, &augmentation, message, signature)
}

/// A proof of possession: a signature over the compressed public key `about`, in a separate domain.
pub(super) fn prove_possession(key: &SecretKey, about: &[u8; 48]) -> [u8; 96] {
    key.sign(about, POSSESSION_DST, &[]).compress()
}

pub(super) fn verify_possession(key: &PublicKey, about: &[u8; 48], proof: &[u8; 96]) -> bool {
    verify_with(key, POSSESSION_DST, &[], about, proof)
}

fn verify_with(key: &PublicKey, dst: &[u8], augmentation: &[u8], message: &[u8], signature: &[u8; 96]) -> bool {
    Signature::uncompress(signature).is_ok_and(|signature| {
        signature.verify(true, message, dst, augmentation, key, false) == BLST_ERROR::BLST_SUCCESS
    })
}
