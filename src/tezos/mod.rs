//! Tezos byte and text formats: keys, signatures, hashes and payloads. Pure: no I/O, no clock, and independent of the rest of this
//! crate.

pub mod authentication;
pub mod base58check;
mod bls;
mod curve;
mod digest;
mod encrypted_key;
mod hashes;
pub mod payload;
mod protocols;
mod public_key;
mod secret_key;
mod signature;
mod signature_version;

pub use bls::BlsScheme;
pub use curve::Curve;
pub use digest::Digest;
pub use encrypted_key::{EncryptedKeyError, EncryptedSecretKey};
pub use hashes::{BlockHash, BlockPayloadHash, ChainId, OperationHash, ProtocolHash};
pub use public_key::{BlsPublicKey, InvalidPublicKey, NotBls, PublicKey, PublicKeyHash, WrongSignature};
pub use secret_key::{SecretKey, SecretKeyError};
pub use signature::{InvalidSignature, Signature, SignatureText};
pub use signature_version::{InvalidVersion, SignatureVersion};
