//! The formats of a Tezos signer, written and read a second time: what tests, the conformance suite, the chaos test and the
//! fuzzer compare the signer with.
//!
//! Nothing here is shared with the signer. Layouts follow Octez (`src/lib_base`, `src/lib_crypto` and
//! `src/proto_025_PsUshuai/lib_protocol`), and the cryptography is done by other libraries than the signer's where there are any.
//!
//! * [`base58`]: Base58Check texts and their prefixes
//! * [`crypto`]: keys and signatures of the four curves, digests
//! * [`payload`]: writes payloads as a client sends them
//! * [`reading`]: reads payloads, and says what is wrong with the others

pub mod base58;
pub mod crypto;
pub mod payload;
pub mod reading;
