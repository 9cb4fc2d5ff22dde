//! Properties of all code that reads untrusted bytes, for any input.
//!
//! There is one function per fuzz target. It takes an input, and panics if a property is violated. The expected results come from
//! an independent implementation, written from the formats' descriptions. The fuzz targets call these functions with inputs from
//! libFuzzer, and `cargo test` with those in `corpus` and `regressions`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a violated property must panic, which the fuzzer detects"
)]

pub mod base58;
pub mod header;
pub mod http;
pub mod marks_import;
pub mod payload;
pub mod policy;
pub mod receipts;
pub mod rule;
pub mod stored_mark;

/// A target: its name, and the check of its properties for an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 9] = [
    ("base58", base58::check),
    ("header", header::check),
    ("http", http::check),
    ("marks_import", marks_import::check),
    ("payload", payload::check),
    ("policy", policy::check),
    ("receipts", receipts::check),
    ("rule", rule::check),
    ("stored_mark", stored_mark::check),
];
