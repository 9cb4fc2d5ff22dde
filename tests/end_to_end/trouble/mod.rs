//! The shipped binary in trouble that lasts: slow services, brown-outs, failovers, cold starts, floods. One file per subject.
//!
//! `cargo test --workspace --test end_to_end trouble::` runs the short form of each, which belongs to the gate. `tests/trouble/run SUBJECT` runs the
//! long form and prints the figures that docs/performance.md quotes.

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
