//! `marks export` and `marks list` cover the marks of all keys and chains, or report what may be missing.

use crate::azure::cloud::{self, KnownKey, baker};
use crate::azure::instance::{Instance, command};
use crate::support::payloads::{MAINNET, payload};
use azurehsm_signer::tezos::ChainId;
use azurehsm_signer::tezos::payload::Kind;
use serde_json::Value;
use stand_ins::{Azure, Curve, Effect, NewKey, Operation};
use std::path::Path;
use std::process::Output;

/// A payload on another chain than mainnet.
fn on(chain: ChainId, mut payload: Vec<u8>) -> Vec<u8> {
    payload[1..5].copy_from_slice(chain.as_bytes());
    payload
}

fn run(azure: &Azure, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    command(azure, settings).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Imports an export into another account, and starts a signer with the same key there.
fn moved(export: &Output, folder: &Path) -> (Azure, KnownKey, Instance) {
    let file = folder.join("marks.json");
    std::fs::write(&file, &export.stdout).unwrap();
    let azure = cloud::start();
    let key = baker(&azure);
    let imported = run(&azure, &[], &["marks", "import", file.to_str().unwrap()]);
    assert!(imported.status.success(), "{imported:?}");
    let signer = Instance::start_ready(&azure, &[]);
    (azure, key, signer)
}

#[test]
fn marks_of_keys_that_cannot_sign_are_exported_too() {
    type Change = fn(&Azure, &KnownKey);
    let states: [(&str, Change); 4] = [
        ("can sign", |_, _| {}),
        ("is disabled", |azure, key| {
            assert!(azure.key_vault.set_enabled(&key.id.name, &key.id.version, false));
        }),
        ("is expired", |azure, key| {
            assert!(azure.key_vault.set_expires(&key.id.name, &key.id.version, Some(1)));
        }),
        ("has a newer version", |azure, key| {
            azure.key_vault.add_key(NewKey::new(key.id.name.clone(), Curve::P256));
        }),
    ];
    for (state, change) in states {
        for may_query in [false, true] {
            let azure = cloud::start();
            let key = baker(&azure);
            let signer = Instance::start_ready(&azure, &[]);
            for kind in Kind::ALL {
                signer.sign(&key.hash, &payload(kind, 7, 1, 0)).signature();
            }
            change(&azure, &key);
            azure.cosmos.allow_query(may_query);
            let list = run(&azure, &[], &["marks", "list"]);
            assert!(list.status.success(), "{state}: {list:?}");
            assert_eq!(text(&list.stdout).lines().count(), 3, "{state}: {list:?}");
            let export = run(&azure, &[], &["marks", "export"]);
            assert_eq!(export.status.success(), may_query, "{state}: {export:?}");
            assert!(text(&export.stderr).contains(&key.hash), "names the keys: {export:?}");
            assert!(text(&export.stderr).contains(&format!("mainnet ({MAINNET})")), "names the chains: {export:?}");

            let folder = tempfile::tempdir().unwrap();
            let (_elsewhere, key, signer) = moved(&export, folder.path());
            for kind in Kind::ALL {
                for (level, round, variant, status) in [(7, 0, 0, 409), (7, 1, 1, 409), (7, 1, 0, 200), (8, 0, 0, 200)]
                {
                    let answer = signer.sign(&key.hash, &payload(kind, level, round, variant));
                    assert_eq!(answer.status, status, "{state}, {kind} {level} {round}: {answer:?}");
                }
            }
        }
    }
}

#[test]
fn marks_of_all_chains_are_exported_or_the_export_warns_that_some_may_be_missing() {
    let ghostnet: ChainId = "NetXnHfVqm9iesp".parse().unwrap();
    let private = ChainId::from_bytes([1, 2, 3, 4]);
    let policy = format!(r#"{{"default": {{"chains": ["{MAINNET}", "{private}"]}}}}"#);
    let private_name = private.to_string();
    for (what, chain, may_query, settings, more, is_found, is_success) in [
        ("a network that is known", ghostnet, false, vec![], vec![], true, false),
        ("a chain of the policy", private, false, vec![("POLICY", policy.as_str())], vec![], true, false),
        ("an unspecified chain", private, false, vec![], vec![], false, false),
        ("a chain that is named", private, false, vec![], vec!["--chain", &private_name], true, false),
        ("an unspecified chain, listed", private, true, vec![], vec![], true, true),
        ("another chain alone, listed", private, true, vec![], vec!["--chain", MAINNET], false, true),
    ] {
        let azure = cloud::start();
        let key = baker(&azure);
        let signer = Instance::start_ready(&azure, &[]);
        signer.sign(&key.hash, &on(chain, payload(Kind::Attestation, 7, 1, 0))).signature();
        azure.cosmos.allow_query(may_query);
        let export = run(&azure, &settings, &[vec!["marks", "export"], more].concat());
        let marks: Value = serde_json::from_slice(&export.stdout).unwrap();
        let is_in_it = marks["marks"].as_array().unwrap().iter().any(|mark| mark["chain"] == chain.to_string());
        assert_eq!(is_in_it, is_found, "{what}: {export:?}");
        assert_eq!(export.status.success(), is_success, "{what}: {export:?}");
        if !is_success {
            let complaint = text(&export.stderr);
            for part in ["other keys", "other chains", "Cosmos DB Built-in Data Reader", "may be incomplete"] {
                assert!(complaint.contains(part), "{what}: {complaint}");
            }
        }
    }
}

/// With both specified, the export is complete.
#[test]
fn an_export_can_be_limited_to_keys_and_chains() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    signer.sign(&key.hash, &payload(Kind::Block, 7, 0, 0)).signature();
    for may_query in [false, true] {
        azure.cosmos.allow_query(may_query);
        let export = run(&azure, &[], &["marks", "export", "--key", &key.hash, "--chain", MAINNET]);
        assert!(export.status.success(), "{export:?}");
        assert!(text(&export.stdout).contains(&key.hash), "{export:?}");
    }
}

#[test]
fn unreadable_marks_are_listed_and_the_export_fails() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    signer.sign(&key.hash, &payload(Kind::Block, 7, 0, 0)).signature();
    for (what, is_of_vault, on, status, is_found, expected) in [
        ("a key", true, Operation::GetKey, 403, false, format!("{}/{} could not be read", key.id.name, key.id.version)),
        (
            "the list of keys",
            true,
            Operation::ListKeys,
            403,
            false,
            "the keys of the vault could not be listed".to_owned(),
        ),
        ("a mark", false, Operation::ReadItem, 403, false, format!("{} could not be read", key.mark(Kind::Block))),
        ("the listing", false, Operation::Other, 500, true, "the container could not be listed".to_owned()),
    ] {
        let faults = if is_of_vault { azure.key_vault.faults() } else { azure.cosmos.faults() };
        cloud::always(faults, on, Effect::status(status));
        let export = run(&azure, &[("REQUEST_DEADLINE_MS", "1500")], &["marks", "export"]);
        assert_eq!(export.status.code(), Some(1), "{what}: {export:?}");
        assert_eq!(text(&export.stdout).contains(&key.hash), is_found, "{what}: {export:?}");
        let complaint = text(&export.stderr);
        assert!(complaint.contains(&expected) && complaint.contains("the export is incomplete"), "{what}: {complaint}");
        faults.clear();
    }
}
