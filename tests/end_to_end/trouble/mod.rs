//! The shipped binary under lasting faults: slow services, brown-outs, failovers, cold starts, floods. One file per subject.
//!
//! `cargo test --workspace --test end_to_end trouble::` runs the short form of each, as in the gate. `tests/trouble/run SUBJECT` runs
//! the long form, and prints the figures for docs/performance.md.

mod brownouts;
mod cold_start;
mod failover;
mod figures;
mod flood;
mod repeaters;
mod slow;
mod voters;

/// Whether to run the long form: `TROUBLE=long`.
fn is_long() -> bool {
    std::env::var("TROUBLE").is_ok_and(|form| form == "long")
}
