//! The conformance suite: all cases, against the shipped binary and against the library.

mod instance;
mod library;
mod sealed;
mod signer;
