//! The shipped program against stand-ins of Azure over TLS: the latency that it adds to vault and database, the requests that it
//! sends them, its cold start, and its memory.
//!
//! `--svg FOLDER` also draws the latency of votes and blocks.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

#[path = "client/bare.rs"]
mod bare;
mod client;
#[path = "client/figures.rs"]
mod figures;
#[path = "../tests/support/payloads.rs"]
#[allow(dead_code, reason = "not all payloads are measured")]
mod payloads;
#[path = "plot/mod.rs"]
mod plot;

use azurehsm_signer::tezos::payload::Kind;
use client::{Client, Process};
use figures::{row, sorted};
use plot::Series;
use stand_ins::{Azure, Curve, Delay, NewKey, Operation};
use std::sync::Barrier;
use std::time::{Duration, Instant};

const VAULT: Duration = Duration::from_millis(20);
const DATABASE: Duration = Duration::from_millis(8);
const KEYS: usize = 50;
const ONE_AFTER_THE_OTHER: u32 = 400;
const ROUNDS: u32 = 40;
const STARTS: usize = 20;
const MANY: u32 = 100_000;

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == "cold-start") {
        return cold_start().await;
    }
    let azure = Azure::start().await;
    for number in 0..KEYS {
        azure.key_vault.add_key(NewKey::new(format!("baker-{number:02}"), Curve::P256));
    }
    latency(&azure).await;
    hedging(&azure);
    set_latency(&azure, Delay::NONE, Delay::NONE);
    cold_start().await;
    memory(&azure);
}

fn set_latency(azure: &Azure, vault: Delay, database: Delay) {
    azure.key_vault.latency(vault);
    azure.cosmos.latency(database);
}

/// Votes and blocks of one key, then concurrent votes of fifty keys.
async fn latency(azure: &Azure) {
    let signer = Process::start(&azure.environment(), &[]);
    let keys = signer.keys(KEYS);
    bare::set_answer_times(azure, VAULT, DATABASE).await;

    let mut client = Client::new(signer.address, &keys[0]);
    for kind in [Kind::Attestation, Kind::Block] {
        client.sign(kind, 1);
    }
    println!("\n{:<34} {:>8} {:>8}", "one key, sequential requests", "p50 ms", "p99 ms");
    let mut plotted = Vec::new();
    for (kind, name) in [(Kind::Attestation, "vote"), (Kind::Block, "block")] {
        azure.key_vault.reset_requests();
        azure.cosmos.reset_requests();
        let took = sorted((2..2 + ONE_AFTER_THE_OTHER).map(|level| client.sign(kind, level)).collect());
        row(name, &took);
        plotted.push(Series { name: format!("{name}, one key"), took });
        let cosmos = |operation| azure.cosmos.requests(operation);
        println!(
            "  for {ONE_AFTER_THE_OTHER}: {} signatures by the vault, {} writes and {} reads of items",
            azure.key_vault.requests(Operation::Sign),
            cosmos(Operation::ReplaceItem) + cosmos(Operation::CreateItem),
            cosmos(Operation::ReadItem),
        );
    }

    let barrier = Barrier::new(KEYS);
    let took: Vec<Duration> = std::thread::scope(|scope| {
        let bakers: Vec<_> = keys
            .iter()
            .map(|key| {
                let (barrier, address) = (&barrier, signer.address);
                scope.spawn(move || {
                    let mut client = Client::new(address, key);
                    let mut sign = |level| {
                        barrier.wait();
                        client.sign(Kind::Attestation, level)
                    };
                    // The first requests open connections, like those for the first block after a start.
                    (10_001..10_004).for_each(|level| _ = sign(level));
                    (0..ROUNDS).map(|round| sign(10_004 + round)).collect::<Vec<_>>()
                })
            })
            .collect();
        bakers.into_iter().flat_map(|baker| baker.join().unwrap()).collect()
    });
    println!();
    let took = sorted(took);
    row(&format!("{KEYS} keys concurrently"), &took);
    plotted.push(Series { name: format!("vote, {KEYS} keys at once"), took });
    plot::write("azure", "Votes and blocks, with 20 ms for the vault and 8 ms for the database", &plotted);
}

/// A vault whose slowest answers take ten times the median, with and without hedging.
fn hedging(azure: &Azure) {
    let slow = Delay::LogNormal { median: VAULT, p99: VAULT * 10 };
    println!(
        "\nvault {} ms, but one answer in a hundred takes at least {} ms",
        VAULT.as_millis(),
        (VAULT * 10).as_millis()
    );
    let mut plotted = Vec::new();
    for hedge in ["800", "40"] {
        set_latency(azure, Delay::NONE, Delay::NONE);
        let signer = Process::start(&azure.environment(), &[("VAULT_HEDGE_MS", hedge)]);
        let key = signer.keys(KEYS).swap_remove(1);
        let mut client = Client::new(signer.address, &key);
        let first = if hedge == "800" { 20_000 } else { 30_000 };
        client.sign(Kind::Attestation, first);
        set_latency(azure, slow, Delay::Fixed(DATABASE));
        azure.key_vault.reset_requests();
        let took = sorted((1..=800).map(|level| client.sign(Kind::Attestation, first + level)).collect());
        row(&format!("VAULT_HEDGE_MS={hedge}"), &took);
        println!("  for {}: {} signatures by the vault", took.len(), azure.key_vault.requests(Operation::Sign));
        plotted.push(Series { name: format!("hedged after {hedge} ms"), took });
    }
    plot::write("azure_hedging", "Votes, with a vault that takes 200 ms for one response in a hundred", &plotted);
}

/// The time from the start of the process to the first signature, which is requested immediately. Alone with
/// `cargo bench --bench azure -- cold-start`.
async fn cold_start() {
    let azure = Azure::start().await;
    azure.key_vault.add_key(NewKey::new("baker", Curve::P256));
    let key = Process::start(&azure.environment(), &[]).keys(1).swap_remove(0);
    let took = sorted(
        (1..)
            .take(STARTS)
            .map(|level| {
                let start = Instant::now();
                let signer = Process::start(&azure.environment(), &[]);
                Client::new(signer.address, &key).sign(Kind::Attestation, level);
                start.elapsed()
            })
            .collect(),
    );
    println!("\nno latency: process start to first signature, {STARTS} starts");
    row("cold start", &took);
}

/// Signatures at full speed, and the memory of the process meanwhile.
fn memory(azure: &Azure) {
    const BAKERS: usize = 16;
    let signer = Process::start(&azure.environment(), &[]);
    let keys = signer.keys(KEYS);
    println!("\nno latency, {BAKERS} keys concurrently");
    println!("{:>10} {:>12} {:>14} {:>17}", "signed", "resident MB", "signatures/s", "µs CPU/signature");
    let share = MANY / 10 / u32::try_from(BAKERS).unwrap();
    for tenth in 0..10 {
        let (start, used) = (Instant::now(), signer.processor_microseconds());
        std::thread::scope(|scope| {
            for key in &keys[keys.len() - BAKERS..] {
                let address = signer.address;
                scope.spawn(move || {
                    let mut client = Client::new(address, key);
                    (0..share).for_each(|level| _ = client.sign(Kind::Preattestation, 1 + tenth * share + level));
                });
            }
        });
        let signed = f64::from(share) * 16.0;
        println!(
            "{:>10.0} {:>12.1} {:>14.0} {:>17.0}",
            signed * f64::from(tenth + 1),
            signer.resident_megabytes(),
            signed / start.elapsed().as_secs_f64(),
            (signer.processor_microseconds() - used) / signed
        );
    }
}
