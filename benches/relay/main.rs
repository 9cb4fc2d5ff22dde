//! The relay across an emulated wide area network: the latency of a vote as octez requests it, directly from a function app and
//! through a relay at the baker's, with the requests and connections that arrive at the app; memory and CPU time of the relay;
//! and what happens to votes while a region is unreachable.
//!
//! `cargo bench --bench relay` measures everything, and `cargo bench --bench relay -- blackholes` one of the [`PARTS`].
//! `--svg FOLDER` also draws the latency of votes.
//! `cargo test --bench relay` only checks that no vote is lost.
//!
//! Where no network can be emulated, it prints the reason and does nothing.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

#[cfg(target_os = "linux")]
#[path = "../client/bare.rs"]
mod bare;
#[cfg(target_os = "linux")]
mod blackholes;
#[cfg(target_os = "linux")]
#[path = "../client/mod.rs"]
#[allow(dead_code, reason = "bakers have other connections here")]
mod client;
#[cfg(target_os = "linux")]
mod latency;
#[cfg(target_os = "linux")]
mod octez;
#[cfg(target_os = "linux")]
#[path = "../../tests/support/payloads.rs"]
#[allow(dead_code, reason = "not all payloads are measured")]
mod payloads;
#[cfg(target_os = "linux")]
#[path = "../plot/mod.rs"]
mod plot;
#[cfg(target_os = "linux")]
mod regions;
#[cfg(target_os = "linux")]
mod sites;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod voters;

/// What is measured, by the name on the command line.
#[cfg(target_os = "linux")]
const PARTS: [(&str, fn()); 3] =
    [("votes", latency::of_votes), ("tz4", latency::of_tz4_votes), ("blackholes", blackholes::measure)];

/// The test, as `cargo test` runs it.
#[cfg(target_os = "linux")]
const TESTS: [(&str, fn()); 1] =
    [("blackholes::no_vote_is_lost_with_app_and_vault_of_a_region", blackholes::no_vote_is_lost)];

#[cfg(target_os = "linux")]
fn main() {
    use wan::{Error, Link, Wan};

    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let is_benchmark = arguments.iter().any(|argument| argument == "--bench");
    let plots = plot::folder();
    let is_name = |argument: &String| !argument.starts_with('-') && Some(argument.as_ref()) != plots.as_deref();
    let names: Vec<_> = arguments.into_iter().filter(is_name).collect();
    let all: &[(&str, fn())] = if is_benchmark { &PARTS } else { &TESTS };
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|part| name.contains(part.as_str()));
    let chosen: Vec<_> = all.iter().filter(|(name, _)| is_chosen(name)).collect();
    if chosen.is_empty() {
        return;
    }
    match Wan::new(["probe"], Link { rtt: std::time::Duration::ZERO, loss: 0.0 }) {
        Ok(_) => {}
        Err(Error::Unavailable(reason)) => return println!("skipped: {reason}"),
        Err(error) => panic!("{error}"),
    }
    for (name, run) in chosen {
        run();
        if !is_benchmark {
            println!("test {name} ... ok");
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: networks are emulated on Linux only");
}
