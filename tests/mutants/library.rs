//! The tests of the rules as tests of the library: a mutant then costs one build and one link instead of six.
//! Compiled with the feature `mutants` only; `tests/mutants/run` says how it is used.

#![allow(dead_code, reason = "only the tests of the rules are here")]

#[path = "../formats/operations.rs"]
mod operations;
#[path = "../formats/operations_that_lie.rs"]
mod operations_that_lie;
#[path = "../formats/payloads.rs"]
mod payloads;

#[path = "../end_to_end/signer/checking_and_recording.rs"]
mod checking_and_recording;
#[path = "../end_to_end/signer/limits.rs"]
mod limits;
#[path = "../end_to_end/signer/store_and_raising.rs"]
mod store_and_raising;
#[path = "../end_to_end/signer/way_of_a_request.rs"]
mod way_of_a_request;

/// What formats and limits are tried on.
#[path = "../samples/mod.rs"]
pub(crate) mod samples;

/// What the last four share with the other tests of the signer.
#[path = "../support"]
pub(crate) mod support {
    pub(crate) mod marks;
    pub(crate) mod payloads;
    pub(crate) mod vault;
}
