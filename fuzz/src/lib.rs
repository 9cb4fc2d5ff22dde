//! What must hold of whatever reads bytes that come from outside, whichever bytes those are.
//!
//! One function for each fuzz target. Each takes an input and panics if a property is violated; what it compares with is
//! written here anew, from the formats' descriptions and not from the code that is tested. The fuzz targets call them with
//! what libFuzzer makes up, and `cargo test` with what is kept in `corpus` and `regressions`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a violated property is a panic: that is how a fuzzer learns of it"
)]

pub mod base58;
pub mod http;
pub mod marks_import;
pub mod payload;
pub mod policy;
pub mod rule;
pub mod stored_mark;

/// A target: its name, and what must hold of every input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 7] = [
    ("base58", base58::check),
    ("http", http::check),
    ("marks_import", marks_import::check),
    ("payload", payload::check),
    ("policy", policy::check),
    ("rule", rule::check),
    ("stored_mark", stored_mark::check),
];
