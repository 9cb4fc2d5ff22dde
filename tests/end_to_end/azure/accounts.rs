//! Accounts and containers that would lose marks, or take two for one slot.

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
fn on_an_unsuitable_account_blocks_and_votes_fail_with_the_reason_and_operations_are_signed() {
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
        assert_eq!(azure.cosmos.requests(Operation::CreateItem), 0, "nothing is even tried");
    }
}

fn wait_items(azure: &stand_ins::Azure) -> Vec<serde_json::Value> {
    cloud::wait(azure.cosmos.items())
}

#[test]
fn an_account_that_is_put_right_is_used_without_a_restart() {
    let azure = cloud::start_with(options(|cosmos| "Session".clone_into(&mut cosmos.consistency)));
    let key = baker(&azure);
    let signer = Instance::start(&azure, &[]);
    let vote = payload(Kind::Attestation, 7, 0, 0);
    assert_eq!(signer.sign(&key.hash, &vote).status, 500);
    azure.cosmos.set_multiple_write_locations(true);
    eventually("both reasons are told", || {
        let error = signer.sign(&key.hash, &vote).error();
        (error.contains("Session") && error.contains("several regions")).then_some(())
    });
    azure.cosmos.set_consistency("Strong");
    azure.cosmos.set_multiple_write_locations(false);
    key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
    signer.logged("\"event\":\"store_ready\"");
}

#[test]
fn weak_consistency_can_be_allowed_and_is_then_warned_of() {
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
fn an_account_that_becomes_unsuitable_while_its_check_is_due_later_keeps_signing_until_then() {
    // The account is checked every three minutes, which is too long for a test: this pins that no request asks it.
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    let asked = azure.cosmos.requests(Operation::Account);
    for level in 1..=5 {
        signer.sign(&key.hash, &payload(Kind::Attestation, level, 0, 0)).signature();
    }
    assert_eq!(azure.cosmos.requests(Operation::Account), asked);
}

#[test]
fn a_container_that_is_not_there_is_named() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start(&azure, &[("COSMOS_CONTAINER", "missing")]);
    let start = std::time::Instant::now();
    let answer = signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 0));
    assert_eq!(answer.status, 500);
    assert!(answer.error().contains("mark store cannot be used"), "{answer:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}
