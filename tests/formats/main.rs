//! Formats: keys, signatures and payloads, valid and malformed.
//!
//! `cfg(test)` applies to the whole binary, so that what `clippy.toml` allows in tests is allowed in helpers, too.
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
