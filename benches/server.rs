//! The shipped program on loopback, with the local vault and the durable embedded store: latency of one baker, requests
//! per second of many, and resident memory.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

#[allow(dead_code, reason = "the benchmark needs only the keys")]
mod client;
#[path = "../tests/support/http.rs"]
#[allow(dead_code, reason = "only one request is sent this way")]
mod http;
#[path = "../tests/support/payloads.rs"]
#[allow(dead_code, reason = "not all payloads are measured")]
mod payloads;

use azurehsm_signer::tezos::payload::Kind;
use client::{Client, Process};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const ONE_BAKER: u32 = 5_000;
const MANY_BAKERS: usize = 32;
const OF_EACH: u32 = 1_000;
const CURVES: [&str; 3] = ["ed25519", "secp256k1", "p256"];

fn program(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azurehsm-signer"));
    command.env("LOCAL_DATA_DIR", data);
    command
}

fn main() {
    let folder = tempfile::tempdir_in(".").unwrap();
    for number in 0..MANY_BAKERS {
        let curve = CURVES[number % CURVES.len()];
        let generated =
            program(folder.path()).args(["keys", "generate", &format!("k{number}"), "--curve", curve]).output();
        assert!(generated.unwrap().status.success());
    }
    let data = folder.path().display().to_string();
    let signer = Process::start(&[("LOCAL_DATA_DIR", data), ("RUST_LOG", "info".to_owned())], &[]);
    let keys = keys_by_curve(signer.address);
    println!("resident memory at start: {:.1} MB", signer.resident_megabytes());

    println!("\none baker, sequential votes");
    println!("{:<10} {:>9} {:>9} {:>9}", "curve", "p50 µs", "p99 µs", "votes");
    for curve in CURVES {
        let key = &keys.iter().find(|(of, _)| of == curve).unwrap().1;
        let mut client = Client::new(signer.address, key);
        let mut took: Vec<_> = (1..=ONE_BAKER).map(|level| client.sign(Kind::Attestation, level)).collect();
        took.sort();
        let at = |percent: usize| took[took.len() * percent / 100].as_secs_f64() * 1e6;
        println!("{curve:<10} {:>9.0} {:>9.0} {:>9}", at(50), at(99), took.len());
    }

    let start = Instant::now();
    std::thread::scope(|scope| {
        for (_, key) in &keys {
            let address = signer.address;
            scope.spawn(move || {
                let mut client = Client::new(address, key);
                for level in 0..OF_EACH {
                    client.sign(Kind::Attestation, ONE_BAKER + 1 + level);
                }
            });
        }
    });
    let signed = f64::from(OF_EACH) * f64::from(u32::try_from(keys.len()).unwrap());
    let seconds = start.elapsed().as_secs_f64();
    println!("\n{MANY_BAKERS} concurrent bakers: {:.0} votes per second", signed / seconds);
    println!("resident memory afterwards: {:.1} MB", signer.resident_megabytes());
}

/// Curve and public key hash of each key.
fn keys_by_curve(address: SocketAddr) -> Vec<(String, String)> {
    let keys = http::get(address, "/keys").unwrap().json();
    let text = |key: &serde_json::Value, field| key[field].as_str().unwrap().to_owned();
    keys.as_array().unwrap().iter().map(|key| (text(key, "curve"), text(key, "public_key_hash"))).collect()
}
