//! An independent implementation of the formats of a Tezos signer, for comparison by tests, the conformance suite, the chaos test
//! and the fuzzer.
//!
//! It shares nothing with the signer. Layouts follow Octez (`src/lib_base`, `src/lib_crypto` and
//! `src/proto_025_PsUshuai/lib_protocol`); cryptography is by other libraries than the signer's, where they exist.
//!
//! * [`base58`]: Base58Check texts and their prefixes
//! * [`chain`]: blocks and votes as the protocol builds them, and which histories are legitimate
//! * [`crypto`]: keys and signatures of the four curves, digests
//! * [`payload`]: encodes payloads as a client sends them
//! * [`reading`]: decodes payloads, and locates the error in malformed ones

pub mod base58;
pub mod chain;
pub mod crypto;
pub mod payload;
pub mod reading;
