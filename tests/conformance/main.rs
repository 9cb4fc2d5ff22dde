//! The public conformance suite: every case of it, against the shipped binary and against the library.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

mod instance;
mod library;
mod signer;
