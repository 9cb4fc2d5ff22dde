//! Keys that are bound to a mark store, and what they sign there and elsewhere.

use super::ANY_OPERATION;
use crate::azure::cloud::{self, KnownKey, add, always, baker, wait};
use crate::azure::instance::{Instance, run};
use crate::support::eventually::eventually;
use crate::support::http::Answer;
use crate::support::package;
use crate::support::payloads::{MAINNET, payload, transfer};
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Curve, Effect, NewKey, Operation};
use std::collections::BTreeMap;

pub(super) const EVERY_SECOND: (&str, &str) = ("KEYS_REFRESH_SECONDS", "1");
const ELSEWHERE: &str = "other.documents.azure.com/signer/marks";

/// A binding by the name of the container.
pub(super) fn here(azure: &Azure) -> String {
    azure.cosmos.url().replace("https://", "") + "signer/marks"
}

/// A binding by `marks bind`, with the container's id.
pub(super) fn here_with_rid(azure: &Azure) -> String {
    format!("{}#{}", here(azure), wait(azure.cosmos.container_rid()).unwrap())
}

/// Sets a key's tags to just this one.
pub(super) fn bind(azure: &Azure, key: &KnownKey, tag: &str) {
    let tags = BTreeMap::from([("signer-marks".to_owned(), tag.to_owned())]);
    assert!(azure.key_vault.set_tags(&key.id.name, &key.id.version, tags));
}

fn vote(level: u32) -> Vec<u8> {
    payload(Kind::Attestation, level, 0, 0)
}

fn assert_bound_elsewhere(azure: &Azure, answer: &Answer) {
    assert_eq!(answer.status, 500, "{answer:?}");
    let error = answer.error();
    assert!(error.contains("bound to another mark store"), "{error}");
    for name in ["documents.azure.com", "localhost", "signer/marks", &wait(azure.cosmos.container_rid()).unwrap()] {
        assert!(!error.contains(name), "{name} is in {error}");
    }
}

#[test]
fn a_key_bound_to_the_store_in_use_signs() {
    let azure = cloud::start();
    let key = baker(&azure);
    let (name, with_rid) = (here(&azure), here_with_rid(&azure));
    for (number, tag) in
        (1..).zip([name.clone(), name.to_uppercase().replace("SIGNER/MARKS", "signer/marks"), with_rid])
    {
        bind(&azure, &key, &tag);
        let signer = Instance::start(&azure, &[]);
        for kind in Kind::ALL {
            let payload = payload(kind, number, 0, 0);
            key.verify(&payload, &signer.eventually_signs(&key.hash, &payload));
        }
    }
}

#[test]
fn a_key_bound_elsewhere_signs_only_operations_and_calls_neither_vault_nor_store_for_others() {
    let azure = cloud::start();
    let key = baker(&azure);
    let (name, with_rid) = (here(&azure), here_with_rid(&azure));
    let address = name.split_once('/').unwrap().0.to_owned();
    for tag in [
        ELSEWHERE.to_owned(),
        format!("{address}/other/marks"),
        format!("{address}/signer/other"),
        format!("{name}#AAAAAAAAAAA="),
        // The intended store is unknown.
        String::new(),
        "the marks in West Europe".to_owned(),
    ] {
        bind(&azure, &key, &tag);
        let signer = Instance::start(&azure, &[ANY_OPERATION]);
        eventually("the keys", || (!signer.keys().is_empty()).then_some(()));
        for kind in Kind::ALL {
            assert_bound_elsewhere(&azure, &signer.sign(&key.hash, &payload(kind, 7, 0, 0)));
        }
        let line = signer.logged("\"cause\":\"bound_elsewhere\"");
        assert!(line.contains(&with_rid) || line.contains(&name), "{line}");
        assert!(line.contains(&tag), "{line}");
        if !tag.contains('#') {
            // It is logged before the first request, unless the container's id is needed.
            assert!(signer.logged("\"event\":\"bound_elsewhere\"").contains(&key.hash));
        }
        assert_eq!(azure.key_vault.requests(Operation::Sign), 0, "{tag}");
        key.verify(&transfer(1, 1), &signer.sign(&key.hash, &transfer(1, 1)).signature());
        assert_eq!(signer.get("/health").status, 503);
        azure.key_vault.reset_requests();
    }
    assert_eq!(wait(azure.cosmos.items()), Vec::<serde_json::Value>::new());
    let requested = [Operation::ReadItem, Operation::CreateItem, Operation::Other].map(|on| azure.cosmos.requests(on));
    assert_eq!((requested, azure.key_vault.requests(Operation::Other)), ([0; 3], 0));
}

#[test]
fn an_unbound_key_signs() {
    let azure = cloud::start();
    let key = baker(&azure);
    let tags = BTreeMap::from([("purpose".to_owned(), ELSEWHERE.to_owned())]);
    assert!(azure.key_vault.set_tags(&key.id.name, &key.id.version, tags));
    let signer = Instance::start(&azure, &[]);
    key.verify(&vote(7), &signer.eventually_signs(&key.hash, &vote(7)));
}

#[test]
fn after_a_container_was_recreated_a_key_signs_once_it_is_bound_and_its_marks_raised() {
    let azure = cloud::start();
    let key = baker(&azure);
    azure.key_vault.allow_update(true);
    let succeeds = |arguments: &[&str]| {
        let output = run(&azure, arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    succeeds(&["marks", "bind"]);
    azure.key_vault.allow_update(false);
    let signer = Instance::start(&azure, &[]);
    signer.eventually_signs(&key.hash, &vote(7));
    drop(signer);

    wait(azure.cosmos.recreate_container());
    let signer = Instance::start(&azure, &[]);
    eventually("a connection", || signer.sign(&key.hash, &vote(7)).error().contains("bound to").then_some(()));
    for level in [7, 8] {
        assert_bound_elsewhere(&azure, &signer.sign(&key.hash, &vote(level)));
    }
    assert_eq!(wait(azure.cosmos.items()), Vec::<serde_json::Value>::new());
    drop(signer);

    succeeds(&["marks", "raise", MAINNET, &key.hash, "7"]);
    azure.key_vault.allow_update(true);
    let bound = succeeds(&["marks", "bind"]);
    assert!(bound.contains("stop all signers of the key, wait that long, bind,\nstart"), "{bound}");
    let signer = Instance::start_ready(&azure, &[]);
    assert_eq!(signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 1)).status, 409);
    key.verify(&vote(8), &signer.sign(&key.hash, &vote(8)).signature());
}

/// Only a tag with the new container's id shows that an operator has dealt with the recreation.
#[test]
fn a_running_signer_uses_a_recreated_container_only_for_keys_bound_to_it() {
    let azure = cloud::start();
    let (bound, by_name) = (baker(&azure), add(&azure, NewKey::new("by-name", Curve::P256), 2));
    let unbound = add(&azure, NewKey::new("unbound", Curve::P256), 3);
    bind(&azure, &bound, &here_with_rid(&azure));
    bind(&azure, &by_name, &here(&azure));
    let signer = Instance::start_ready(&azure, &[EVERY_SECOND]);
    let keys = [&bound, &by_name, &unbound];
    for key in keys {
        signer.eventually_signs(&key.hash, &vote(7));
    }
    wait(azure.cosmos.recreate_container());
    let says = |key: &KnownKey, words: &str| {
        eventually(words, || signer.sign(&key.hash, &vote(8)).error().contains(words).then_some(()));
    };
    says(&bound, "then bind the key to the new container");
    says(&by_name, "then restart the signer");
    says(&unbound, "then restart the signer");
    assert!(signer.logged("\"container_recreated\"").contains("deleted and recreated"));
    assert_eq!(signer.get("/health").status, 503);

    // Its marks are still missing.
    bind(&azure, &bound, &here_with_rid(&azure));
    says(&bound, "has lost what it acknowledged");
    for key in keys {
        let output = run(&azure, &["marks", "raise", MAINNET, &key.hash, "7"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    bound.verify(&vote(8), &signer.eventually_signs(&bound.hash, &vote(8)));
    assert_eq!(signer.sign(&bound.hash, &payload(Kind::Attestation, 7, 0, 1)).status, 409);
    for key in [&by_name, &unbound] {
        assert!(signer.sign(&key.hash, &vote(8)).error().contains("then restart the signer"));
    }
    drop(signer);
    let signer = Instance::start_ready(&azure, &[]);
    for key in [&by_name, &unbound] {
        assert_eq!(signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 1)).status, 409);
        key.verify(&vote(8), &signer.eventually_signs(&key.hash, &vote(8)));
    }
}

#[test]
fn a_changed_tag_takes_effect_with_the_next_search() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[EVERY_SECOND]);
    signer.sign(&key.hash, &vote(7)).signature();
    bind(&azure, &key, ELSEWHERE);
    let mut level = 7;
    eventually("the effect of the tag", || {
        level += 1;
        (signer.sign(&key.hash, &vote(level)).status == 500).then_some(())
    });
    assert_bound_elsewhere(&azure, &signer.sign(&key.hash, &vote(level)));
    assert!(signer.logged("\"event\":\"key_binding_changed\"").contains(ELSEWHERE));
    bind(&azure, &key, &here_with_rid(&azure));
    eventually("the effect of the tag", || (signer.sign(&key.hash, &vote(level)).status == 200).then_some(()));
}

#[test]
fn a_key_that_can_no_longer_be_read_keeps_its_binding() {
    // Requests per search: transient errors are retried twice.
    for (on, effect, tries) in [
        (Operation::GetKey, Effect::status(403), 1),
        (Operation::GetKey, Effect::status(500), 3),
        (Operation::ListKeys, Effect::status(500), 3),
    ] {
        let azure = cloud::start();
        let key = baker(&azure);
        bind(&azure, &key, ELSEWHERE);
        let signer = Instance::start(&azure, &[EVERY_SECOND]);
        eventually("the keys", || (!signer.keys().is_empty()).then_some(()));
        always(azure.key_vault.faults(), on, effect);
        // Even if the tag is removed meanwhile: the signer cannot see that.
        assert!(azure.key_vault.set_tags(&key.id.name, &key.id.version, BTreeMap::new()));
        let before = azure.key_vault.requests(on);
        eventually("another search", || (azure.key_vault.requests(on) > before + tries + 1).then_some(()));
        assert_eq!(signer.keys(), std::slice::from_ref(&key.hash));
        assert_bound_elsewhere(&azure, &signer.sign(&key.hash, &vote(7)));
        azure.key_vault.faults().clear();
        eventually("a signature", || (signer.sign(&key.hash, &vote(7)).status == 200).then_some(()));
    }
}

#[test]
fn the_tags_of_all_names_of_a_private_key_apply() {
    let azure = cloud::start();
    // Neither the first nor the last tag takes precedence.
    for (number, tags, signs) in [
        (1, [Some(here(&azure)), Some(ELSEWHERE.to_owned())], false),
        (2, [Some(ELSEWHERE.to_owned()), Some(here(&azure))], false),
        (3, [Some(ELSEWHERE.to_owned()), None], false),
        (4, [None, Some(ELSEWHERE.to_owned())], false),
        (5, [Some(here_with_rid(&azure)), Some(format!("{}#AAAAAAAAAAA=", here(&azure)))], false),
        (6, [Some(here(&azure)), None], true),
        (7, [None, Some(here(&azure))], true),
        (8, [Some(here_with_rid(&azure)), Some(here_with_rid(&azure))], true),
    ] {
        let keys = [("one", 0), ("two", 1)].map(|(name, index)| {
            let key = add(&azure, NewKey::new(format!("{name}-{number}"), Curve::P256), number);
            if let Some(tag) = &tags[index] {
                bind(&azure, &key, tag);
            }
            key
        });
        assert_eq!(keys[0].hash, keys[1].hash);
        let signer = Instance::start(&azure, &[ANY_OPERATION]);
        if signs {
            keys[0].verify(&vote(7), &signer.eventually_signs(&keys[0].hash, &vote(7)));
        } else {
            eventually("the keys", || (!signer.keys().is_empty()).then_some(()));
            assert_bound_elsewhere(&azure, &signer.sign(&keys[0].hash, &vote(7)));
        }
        keys[1].verify(&transfer(1, 1), &signer.sign(&keys[1].hash, &transfer(1, 1)).signature());
    }
}

#[test]
fn with_an_embedded_store_a_bound_key_signs_only_operations() {
    if package::zip().is_some() {
        // There, an embedded store is always refused.
        return;
    }
    let azure = cloud::start();
    let [bound, unbound] =
        [("bound", 1), ("unbound", 2)].map(|(name, number)| add(&azure, NewKey::new(name, Curve::P256), number));
    bind(&azure, &bound, &here(&azure));
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let embedded = [("COSMOS_ENDPOINT", ""), ("COSMOS_DATABASE", ""), ("COSMOS_CONTAINER", "")];
    let settings = [&embedded[..], &[("MARKS", "embedded"), ("LOCAL_DATA_DIR", data), ANY_OPERATION]].concat();
    let signer = Instance::start_ready(&azure, &settings);
    for kind in Kind::ALL {
        assert_bound_elsewhere(&azure, &signer.sign(&bound.hash, &payload(kind, 7, 0, 0)));
        signer.sign(&unbound.hash, &payload(kind, 7, 0, 0)).signature();
    }
    let line = signer.logged("\"bound_elsewhere\"");
    assert!(line.contains("the embedded store") && line.contains(&here(&azure)), "{line}");
    bound.verify(&transfer(1, 1), &signer.sign(&bound.hash, &transfer(1, 1)).signature());
}

#[test]
fn a_vote_before_the_first_connection_is_not_signed_with_the_wrong_container() {
    let azure = cloud::start();
    let key = baker(&azure);
    bind(&azure, &key, &format!("{}#AAAAAAAAAAA=", here(&azure)));
    azure.cosmos.refuse_connections(true);
    let signer = Instance::start(&azure, &[]);
    eventually("the keys", || (!signer.keys().is_empty()).then_some(()));
    let answer = signer.sign(&key.hash, &vote(7));
    assert_eq!(answer.status, 500, "{answer:?}");
    azure.cosmos.refuse_connections(false);
    eventually("a connection", || signer.sign(&key.hash, &vote(7)).error().contains("bound to").then_some(()));
    assert_eq!(azure.key_vault.requests(Operation::Sign), 0);
    assert_eq!(wait(azure.cosmos.items()), Vec::<serde_json::Value>::new());
}
