//! The tables that the JSON files are generated from. They state all expectations, from the protocol's source.
//!
//! Octez's sources are cited by file: `signature_v3.ml` is `src/lib_crypto/signature_v3.ml`, `operation_repr.ml` and the like are
//! in `src/proto_025_PsUshuai/lib_protocol`, `handler.ml` is `src/bin_signer/handler.ml`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "an error in a table must stop the generator"
)]
#![allow(clippy::too_many_lines, reason = "a table is as long as it has rows")]
#![allow(clippy::needless_pass_by_value, reason = "rows are built in place")]
#![allow(clippy::single_match_else, reason = "one of the three kinds is special")]

mod blocks;
mod consequences;
mod decoding;
mod http;
mod keys;
mod malformed_operations;
mod operations;
mod policy;
mod sequences;
mod setup;
mod signatures;
mod suite;
mod votes;
mod watermarks;

pub use keys::named;
pub use setup::files as setup_files;
pub use suite::{Suite, suite};
