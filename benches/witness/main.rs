//! The chain as a witness: what it costs to read a block, what it adds to a signature, and false alarms in a month.
//!
//! `cargo bench --bench witness` measures all three, and `cargo bench --bench witness -- blocks` one of the [`PARTS`].
//! `cargo test --bench witness` only lives through some hundred levels.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

#[path = "../client/bare.rs"]
mod bare;
mod blocks;
#[path = "../client/mod.rs"]
mod client;
#[path = "../client/figures.rs"]
mod figures;
mod latency;
#[path = "../../tests/support/marks.rs"]
#[allow(dead_code, reason = "no faults here")]
mod marks;
mod month;
#[path = "../../tests/support/payloads.rs"]
#[allow(dead_code, reason = "not all payloads are measured")]
mod payloads;
mod watcher;

/// What is measured, by the name on the command line.
const PARTS: [(&str, fn()); 3] = [("blocks", blocks::measure), ("latency", latency::measure), ("month", month::live)];

/// The test, as `cargo test` runs it.
const TESTS: [(&str, fn()); 1] = [("month::some_hundred_levels_without_false_alarm", month::live_shortly)];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let is_benchmark = arguments.iter().any(|argument| argument == "--bench");
    let names: Vec<_> = arguments.into_iter().filter(|argument| !argument.starts_with('-')).collect();
    let all: &[(&str, fn())] = if is_benchmark { &PARTS } else { &TESTS };
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|part| name.contains(part.as_str()));
    for (name, run) in all.iter().filter(|(name, _)| is_chosen(name)) {
        run();
        if !is_benchmark {
            println!("test {name} ... ok");
        }
    }
}
