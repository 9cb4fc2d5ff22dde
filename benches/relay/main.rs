//! The relay across an emulated wide area network: the latency of a vote as octez requests it, directly from a function app and
//! through a relay at the baker's, with the requests and connections that arrive at the app; memory and CPU time of the relay.
//!
//! Where no network can be emulated, it prints the reason and measures nothing.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

#[cfg(target_os = "linux")]
#[path = "../client/bare.rs"]
mod bare;
#[cfg(target_os = "linux")]
#[path = "../client/mod.rs"]
#[allow(dead_code, reason = "bakers have other connections here")]
mod client;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod octez;
#[cfg(target_os = "linux")]
#[path = "../../tests/support/payloads.rs"]
#[allow(dead_code, reason = "not all payloads are measured")]
mod payloads;
#[cfg(target_os = "linux")]
mod sites;

#[cfg(target_os = "linux")]
fn main() {
    measure::run();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not measured: networks are emulated on Linux only");
}
