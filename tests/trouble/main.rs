//! The shipped binary in trouble that lasts: slow services, brown-outs, failovers, cold starts, floods. One file per subject.
//!
//! `cargo test --test trouble` runs the short form of each, which belongs to the gate. `tests/trouble/run SUBJECT` runs the
//! long form and prints the figures that docs/performance.md quotes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that fails panics, and a measurement prints"
)]

#[path = "../azure/cloud.rs"]
#[allow(dead_code, reason = "tests/azure uses the rest")]
mod cloud;
#[path = "../azure/instance.rs"]
#[allow(dead_code, reason = "tests/azure uses the rest")]
mod instance;
#[path = "../azure/keep_alive.rs"]
mod keep_alive;
#[path = "../support/package.rs"]
mod package;
#[path = "../azure/runner.rs"]
#[allow(dead_code, reason = "tests/azure uses the rest")]
mod runner;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod support;

mod brownouts;
mod cold_start;
mod failover;
mod figures;
mod flood;
mod repeaters;
mod slow;
mod voters;

/// Whether the long form was asked for, with `TROUBLE=long`.
fn is_long() -> bool {
    std::env::var("TROUBLE").is_ok_and(|form| form == "long")
}
