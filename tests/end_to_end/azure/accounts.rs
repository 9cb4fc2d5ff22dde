//! Accounts and containers that could lose marks, or accept two for one slot.

use super::ANY_OPERATION;
use crate::azure::cloud::{self, baker, stored};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
use crate::support::payloads::{payload, transfer};
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{CosmosOptions, Operation, Options};
use std::time::Duration;

fn options(change: impl FnOnce(&mut CosmosOptions)) -> Options {
    let mut cosmos = CosmosOptions::default();
    change(&mut cosmos);
    Options { cosmos, ..Options::default() }
}

#[test]
fn with_an_unsuitable_account_blocks_and_votes_fail_and_operations_are_signed() {
    let weak = |level: &str| options(|cosmos| level.clone_into(&mut cosmos.consistency));
    let weak_excuse = [ANY_OPERATION, ("ALLOW_WEAK_CONSISTENCY", "true")];
    let strict = [ANY_OPERATION];
    for (options, settings, reason) in [
        (weak("Session"), &strict[..], "its consistency is Session, expected Strong"),
        (weak("BoundedStaleness"), &strict, "its consistency is BoundedStaleness, expected Strong"),
        (weak("Eventual"), &strict, "its consistency is Eventual, expected Strong"),
        (options(|cosmos| cosmos.multiple_write_locations = true), &strict, "it accepts writes in several regions"),
        (
            options(|cosmos| cosmos.multiple_write_locations = true),
            &weak_excuse,
            "it accepts writes in several regions",
        ),
        (
            options(|cosmos| "/id".clone_into(&mut cosmos.partition_key_path)),
            &strict,
            "partition key is /id, expected /pkh",
        ),
        (options(|cosmos| cosmos.partition_key_version = 1), &strict, "partition key has version 1, expected 2"),
        (options(|cosmos| cosmos.default_ttl = Some(60)), &strict, "marks would expire"),
        (options(|cosmos| cosmos.default_ttl = Some(-1)), &weak_excuse, "marks would expire"),
    ] {
        let azure = cloud::start_with(options);
        let key = baker(&azure);
        let signer = Instance::start(&azure, settings);
        for kind in Kind::ALL {
            let answer = signer.sign(&key.hash, &payload(kind, 7, 0, 0));
            assert_eq!(answer.status, 500, "{reason}: {answer:?}");
            let error = answer.error();
            assert!(error.contains("not safe for marks") && error.contains(reason), "{reason}: {error}");
        }
        key.verify(&transfer(1, 1), &signer.sign(&key.hash, &transfer(1, 1)).signature());
        assert_eq!(signer.get("/health").status, 503);
        assert!(signer.logged("\"event\":\"account_unsuitable\"").contains(reason));
        assert!(wait_items(&azure).is_empty());
        assert_eq!(azure.cosmos.requests(Operation::CreateItem), 0, "no write is attempted");
    }
}

fn wait_items(azure: &stand_ins::Azure) -> Vec<serde_json::Value> {
    cloud::wait(azure.cosmos.items())
}

#[test]
fn a_corrected_account_is_used_without_a_restart() {
    let azure = cloud::start_with(options(|cosmos| "Session".clone_into(&mut cosmos.consistency)));
    let key = baker(&azure);
    let signer = Instance::start(&azure, &[]);
    let vote = payload(Kind::Attestation, 7, 0, 0);
    assert_eq!(signer.sign(&key.hash, &vote).status, 500);
    azure.cosmos.set_multiple_write_locations(true);
    eventually("both reasons", || {
        let error = signer.sign(&key.hash, &vote).error();
        (error.contains("Session") && error.contains("several regions")).then_some(())
    });
    azure.cosmos.set_consistency("Strong");
    azure.cosmos.set_multiple_write_locations(false);
    key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
    signer.logged("\"event\":\"store_ready\"");
}

#[test]
fn weak_consistency_can_be_allowed_with_a_warning() {
    let azure = cloud::start_with(options(|cosmos| "Session".clone_into(&mut cosmos.consistency)));
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[("ALLOW_WEAK_CONSISTENCY", "true")]);
    for kind in Kind::ALL {
        signer.sign(&key.hash, &payload(kind, 7, 0, 0)).signature();
        assert_eq!(signer.sign(&key.hash, &payload(kind, 7, 0, 1)).status, 409);
        assert!(stored(&azure, &key, kind).is_some());
    }
    let line = signer.logged("\"event\":\"weak_consistency_allowed\"");
    assert!(line.contains("WARN") && line.contains("Session"), "{line}");
}

#[test]
fn an_account_that_becomes_unsuitable_is_used_until_the_next_check() {
    // The account is checked every three minutes, too long for a test: this shows that requests do not check it.
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    let requested = azure.cosmos.requests(Operation::Account);
    for level in 1..=5 {
        signer.sign(&key.hash, &payload(Kind::Attestation, level, 0, 0)).signature();
    }
    assert_eq!(azure.cosmos.requests(Operation::Account), requested);
}

#[test]
fn a_missing_container_is_reported_with_its_name() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start(&azure, &[("COSMOS_CONTAINER", "missing")]);
    let start = std::time::Instant::now();
    let answer = signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 0));
    assert_eq!(answer.status, 500);
    assert!(answer.error().contains("mark store cannot be used"), "{answer:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}
