//! The tests of the rules as tests of the library: a mutant then costs one build and one link instead of six.
//! Compiled with the feature `mutants` only; `tests/mutants/run` says how it is used.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::duplicate_mod,
    dead_code,
    reason = "tests, of which only those of the rules are here"
)]

#[path = "../operations.rs"]
mod operations;
#[path = "../operations_that_lie.rs"]
mod operations_that_lie;
#[path = "../payloads.rs"]
mod payloads;

#[path = "../signer/checking_and_recording.rs"]
mod checking_and_recording;
#[path = "../signer/limits.rs"]
mod limits;
#[path = "../signer/store_and_raising.rs"]
mod store_and_raising;
#[path = "../signer/way_of_a_request.rs"]
mod way_of_a_request;

/// What the limits are tried on.
#[path = "../samples/operations.rs"]
pub(crate) mod samples;

/// What the last four share with the other tests of the signer.
#[path = "../support"]
pub(crate) mod support {
    pub(crate) mod marks;
    pub(crate) mod payloads;
    pub(crate) mod vault;
}
