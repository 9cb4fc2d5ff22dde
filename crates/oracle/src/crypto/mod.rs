//! Keys and signatures of the four curves, with crrl for Ed25519, P-256 and secp256k1, with blst, as in Octez, for BLS12-381, and
//! with `blake2b_simd` for BLAKE2b.

mod bls;
mod curve;
mod ecdsa;
mod public_key;
mod secret_key;

pub use bls::{Scheme, aggregate};
pub use curve::Curve;
pub use ecdsa::{P256_ORDER, SECP256K1_ORDER, is_low, with_other_s};
pub use public_key::{PublicKey, WhyNot};
pub use secret_key::SecretKey;

/// BLAKE2b-256, which tz1, tz2 and tz3 keys sign instead of the payload.
pub fn digest(payload: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(blake2b_simd::Params::new().hash_length(32).hash(payload).as_bytes());
    digest
}

/// BLAKE2b-160, the hash of a public key in its address.
fn address(public_key: &[u8]) -> [u8; 20] {
    let mut address = [0; 20];
    address.copy_from_slice(blake2b_simd::Params::new().hash_length(20).hash(public_key).as_bytes());
    address
}
