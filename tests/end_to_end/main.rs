//! The whole signer: in this process and as the shipped binary, with the embedded stores and in Azure, behind the Functions
//! host, under lasting faults, and against the conformance suite.
//!
//! To run one part: `cargo test --workspace --test end_to_end azure::`.
#![cfg(test)]

#[path = "../support/reading.rs"]
mod reading;
#[path = "../samples/mod.rs"]
mod samples;
#[path = "../support/mod.rs"]
mod support;

mod azure;
mod conformance;
mod doctor;
mod functions;
mod observer;
mod participation;
mod relay;
mod signer;
mod status;
mod systemd_units;
#[allow(clippy::print_stdout, reason = "a measurement prints its figures")]
mod trouble;
mod witness;
