//! The chain as a witness: what it costs to read a block, and false alarms in a month.
//!
//! `cargo bench --bench witness` measures both, and `cargo bench --bench witness -- blocks` one of the [`PARTS`].
//! `cargo test --bench witness` only lives through some hundred levels.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

mod blocks;
#[path = "../../tests/support/marks.rs"]
#[allow(dead_code, reason = "no faults here")]
mod marks;
mod month;
mod watcher;

/// What is measured, by the name on the command line.
const PARTS: [(&str, fn()); 2] = [("blocks", blocks::measure), ("month", month::live)];

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
