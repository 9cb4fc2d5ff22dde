//! The tests of the rules as tests of the library, so that a mutant costs a single build and link. Only compiled with the feature
//! `mutants`, which `tests/mutants/run` enables.

#![allow(dead_code, reason = "only the tests of the rules are here")]

#[path = "../formats/decoder.rs"]
mod decoder;
#[path = "../formats/outdated_forms.rs"]
mod outdated_forms;
#[path = "../formats/payloads.rs"]
mod payloads;

#[path = "../end_to_end/signer/limits.rs"]
mod limits;
#[path = "../end_to_end/signer/recording/mod.rs"]
mod recording;
#[path = "../end_to_end/signer/store_and_raising.rs"]
mod store_and_raising;
#[path = "../end_to_end/signer/way_of_a_request.rs"]
mod way_of_a_request;

#[path = "../support/reading.rs"]
pub(crate) mod reading;

/// Samples for the tests of formats and limits.
#[path = "../samples/mod.rs"]
pub(crate) mod samples;

/// Shared with the other tests of the signer.
#[path = "../support"]
pub(crate) mod support {
    pub(crate) mod eventually;
    pub(crate) mod marks;
    pub(crate) mod payloads;
    pub(crate) mod vault;
}
