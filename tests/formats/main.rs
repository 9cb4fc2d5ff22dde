//! Formats: keys, signatures and payloads, and bytes that lie.
//!
//! `cfg(test)` on all of a test binary: what `clippy.toml` allows in tests is allowed in their helpers, too.
#![cfg(test)]

#[path = "../support/reading.rs"]
mod reading;
#[path = "../samples/mod.rs"]
mod samples;

mod decoder;
mod keys_and_signatures;
mod outdated_forms;
mod payloads;
mod secret_keys;
