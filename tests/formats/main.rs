//! Formats: keys, signatures and payloads, and bytes that lie.
//!
//! `cfg(test)` on all of a test binary: what `clippy.toml` allows in tests is allowed in their helpers, too.
#![cfg(test)]

#[path = "../samples/mod.rs"]
mod samples;

mod decoder_never_panics;
mod keys_and_signatures;
mod operations;
mod operations_that_lie;
mod payloads;
mod secret_keys;
