//! Reads of keys while nothing is signed, which keep a connection to the vault open.

use crate::azure::cloud::{always, baker};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Effect, Operation};
use std::time::{Duration, Instant};

/// The shortest interval, and no searches, which read keys too.
const SETTINGS: &[(&str, &str)] = &[("VAULT_IDLE_SECONDS", "1"), ("KEYS_REFRESH_SECONDS", "3600")];
const INTERVAL: Duration = Duration::from_secs(1);

#[test]
fn a_key_is_read_only_after_an_interval_without_a_call() {
    let azure = crate::azure::cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, SETTINGS);
    azure.key_vault.reset_requests();
    let (start, mut last, mut pauses, mut level) = (Instant::now(), Instant::now(), 0, 0);
    while start.elapsed() < 3 * INTERVAL {
        level += 1;
        signer.sign(&key.hash, &payload(Kind::Attestation, level, 0, 0)).signature();
        // On a loaded machine.
        pauses += u64::from(last.elapsed() > INTERVAL / 2);
        last = Instant::now();
    }
    let reads = azure.key_vault.requests(Operation::GetKey);
    assert!(reads <= pauses, "{reads} reads during {level} signatures, with {pauses} pauses");

    azure.key_vault.reset_requests();
    eventually("four reads", || (azure.key_vault.requests(Operation::GetKey) >= 4).then_some(()));
    // The first may follow at once, if the last signature was long ago.
    assert!(last.elapsed() >= 3 * INTERVAL, "{:?}", last.elapsed());
    let others = [Operation::Sign, Operation::ListKeys, Operation::ListVersions];
    assert_eq!(others.map(|on| azure.key_vault.requests(on)), [0; 3]);
}

#[test]
fn a_lost_role_is_noticed_while_nothing_is_signed() {
    let azure = crate::azure::cloud::start();
    baker(&azure);
    let signer = Instance::start_ready(&azure, SETTINGS);
    let denials = || signer.log().iter().filter(|line| line.contains("\"event\":\"vault_read_denied\"")).count();
    let reads = |least: u64| {
        azure.key_vault.reset_requests();
        eventually("reads", || (azure.key_vault.requests(Operation::GetKey) >= least).then_some(()));
    };
    for round in 1..=2 {
        always(azure.key_vault.faults(), Operation::Any, Effect::status(403));
        eventually("the denial", || (denials() == round).then_some(()));
        reads(2);
        assert_eq!(denials(), round, "logged once while it lasts");
        azure.key_vault.faults().clear();
        reads(2);
    }
    assert!(signer.logged("\"event\":\"vault_read_denied\"").contains("403"));
    signer.logged("\"event\":\"keys_unreadable\"");
}
