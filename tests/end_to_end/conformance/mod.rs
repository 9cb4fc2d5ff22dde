//! The public conformance suite: every case of it, against the shipped binary and against the library.

mod instance;
mod library;
mod signer;
