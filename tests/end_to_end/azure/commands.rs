//! `keys list`, and `marks list`, `raise`, `export` and `import`, with the marks in Cosmos DB.

use crate::azure::cloud::{self, KnownKey, baker, stored};
use crate::azure::instance::{Instance, run};
use crate::support::payloads::{MAINNET, payload};
use azurehsm_signer::tezos::Digest;
use azurehsm_signer::tezos::payload::Kind;
use serde_json::{Value, json};
use stand_ins::{Azure, CosmosOptions, Effect, Fault, Operation, Options, Times};
use std::process::Output;

/// The output of a command that must succeed.
fn prints(azure: &Azure, arguments: &[&str]) -> String {
    let output = run(azure, arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// An account with a mark of each kind at level 7.
fn signed() -> (Azure, KnownKey, [String; 3]) {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    let signatures = Kind::ALL.map(|kind| signer.sign(&key.hash, &payload(kind, 7, 1, 0)).signature());
    (azure, key, signatures)
}

#[test]
fn keys_of_the_vault_are_listed_but_not_created() {
    let azure = cloud::start();
    let key = baker(&azure);
    let listed = prints(&azure, &["keys", "list"]);
    assert!(listed.contains(&format!("octez-client import secret key {} http://", key.id.name)), "{listed}");
    assert!(listed.contains(&key.hash), "{listed}");
    for arguments in [["keys", "generate", "other"], ["keys", "import", "other"]] {
        let output = run(&azure, &arguments);
        assert!(!output.status.success());
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(complaint.contains("KEY_VAULT_URL is set: create keys in"), "{complaint}");
    }
}

#[test]
fn marks_are_listed() {
    let (azure, key, _) = signed();
    for arguments in [
        vec!["marks", "list"],
        vec!["marks", "list", "--key", &key.hash],
        vec!["marks", "list", "--chain", MAINNET, "--key", &key.hash],
    ] {
        let listed = prints(&azure, &arguments);
        assert_eq!(listed.lines().count(), 3, "{listed}");
        for kind in Kind::ALL {
            let digest = Digest::of(&payload(kind, 7, 1, 0)).to_string();
            let line = listed.lines().find(|line| line.contains(&digest)).unwrap();
            assert!(line.starts_with(&format!("{MAINNET}  {}  {kind}  ", key.hash)), "{line}");
        }
    }
    assert_eq!(prints(&azure, &["marks", "list", "--chain", "NetXnHfVqm9iesp"]).trim(), "");
}

#[test]
fn marks_are_raised_and_never_lowered() {
    let (azure, key, _) = signed();
    let raise = |level: &str| prints(&azure, &["marks", "raise", MAINNET, &key.hash, level, "--kind", "attestation"]);
    let raised = raise("100");
    assert!(raised.contains("raised from"), "{raised}");
    assert_eq!(stored(&azure, &key, Kind::Attestation).unwrap()["level"], 100);
    assert_eq!(stored(&azure, &key, Kind::Attestation).unwrap().get("digest"), None);
    for level in ["100", "99", "1"] {
        assert!(raise(level).contains("kept at"), "{level}");
    }
    assert_eq!(stored(&azure, &key, Kind::Block).unwrap()["level"], 7, "the others are unchanged");
    let signer = Instance::start(&azure, &[]);
    for (level, status) in [(7, 409), (99, 409), (100, 409), (101, 200)] {
        assert_eq!(signer.sign(&key.hash, &payload(Kind::Attestation, level, 0, 0)).status, status, "{level}");
    }
}

#[test]
fn raising_a_mark_stops_a_running_signer() {
    let (azure, key, _) = signed();
    let signer = Instance::start_ready(&azure, &[]);
    signer.sign(&key.hash, &payload(Kind::Attestation, 8, 0, 0)).signature();
    assert!(prints(&azure, &["marks", "raise", MAINNET, &key.hash, "50"]).contains("raised from"));
    for kind in Kind::ALL {
        let answer = signer.sign(&key.hash, &payload(kind, 50, 0, 0));
        assert_eq!(answer.status, 409, "{answer:?}");
        signer.sign(&key.hash, &payload(kind, 51, 0, 0)).signature();
    }
}

#[test]
fn an_export_of_one_account_is_imported_into_another() {
    let (azure, key, signatures) = signed();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("marks.json");
    azure.cosmos.allow_query(true);
    std::fs::write(&file, prints(&azure, &["marks", "export"])).unwrap();

    let other = cloud::start();
    let same_key = baker(&other);
    assert_eq!(key.hash, same_key.hash);
    let import = |azure: &Azure| prints(azure, &["marks", "import", file.to_str().unwrap()]);
    assert_eq!(import(&other).matches(": set to ").count(), 3);
    assert_eq!(import(&other).matches(": kept at ").count(), 3, "an import is idempotent");
    let signer = Instance::start(&other, &[]);
    for (kind, signature) in Kind::ALL.into_iter().zip(signatures) {
        assert_eq!(signer.sign(&key.hash, &payload(kind, 7, 1, 1)).status, 409, "a conflict");
        assert_eq!(signer.sign(&key.hash, &payload(kind, 7, 0, 0)).status, 409, "below");
        let again = signer.sign(&key.hash, &payload(kind, 7, 1, 0)).signature();
        assert!(kind != Kind::Block || again == signature, "the signature was exported with the mark");
        signer.sign(&key.hash, &payload(kind, 8, 0, 0)).signature();
    }
    assert!(import(&azure).contains(": kept at "));
}

#[test]
fn a_command_without_azure_fails_in_time_with_the_reason() {
    let azure = cloud::start();
    baker(&azure);
    azure.cosmos.refuse_connections(true);
    for arguments in [vec!["marks", "list"], vec!["marks", "export"]] {
        let output = run(&azure, &arguments);
        assert!(!output.status.success() && output.stdout.is_empty(), "it must not print an empty export");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("the mark store cannot be used"), "{error}");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A mark, as another version, or someone with access to the data, may have written it.
fn put(azure: &Azure, key: &KnownKey, partition_key: &str, kind: Kind, more: &Value) {
    let mut item = json!({"id": key.mark(kind), "pkh": key.hash});
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    cloud::wait(azure.cosmos.put_item(partition_key, &item));
}

fn a_mark(level: u32) -> Value {
    json!({"level": level, "round": 0, "attempt": "0123456789abcdef0123456789abcdef"})
}

/// As `doctor` advises for such containers: move the marks elsewhere with `marks export` and `marks import`.
#[test]
fn marks_are_listed_and_exported_from_containers_that_the_signer_refuses() {
    fn options(change: impl FnOnce(&mut CosmosOptions)) -> Options {
        let mut cosmos = CosmosOptions::default();
        change(&mut cosmos);
        Options { cosmos, ..Options::default() }
    }
    for (what, options, is_by_id) in [
        ("partition key of version 1", options(|cosmos| cosmos.partition_key_version = 1), false),
        ("partition key /id", options(|cosmos| "/id".clone_into(&mut cosmos.partition_key_path)), true),
        ("time to live", options(|cosmos| cosmos.default_ttl = Some(1000)), false),
        ("Session consistency", options(|cosmos| "Session".clone_into(&mut cosmos.consistency)), false),
        ("several write regions", options(|cosmos| cosmos.multiple_write_locations = true), false),
    ] {
        let azure = cloud::start_with(options);
        let key = baker(&azure);
        let id = key.mark(Kind::Block);
        put(&azure, &key, if is_by_id { &id } else { &key.hash }, Kind::Block, &a_mark(77));
        assert!(prints(&azure, &["marks", "list"]).contains("block  level 77"), "{what}");
        azure.cosmos.allow_query(true);
        let export: Value = serde_json::from_str(&prints(&azure, &["marks", "export"])).unwrap();
        assert_eq!(export["marks"][0]["level"], 77, "{what}");
        let raised = run(&azure, &["marks", "raise", MAINNET, &key.hash, "80"]);
        assert_eq!(raised.status.code(), Some(1), "{what}: {raised:?}");
        assert!(text(&raised.stderr).contains("not safe for marks"), "{what}: {raised:?}");
    }
}

#[test]
fn one_item_that_is_not_a_mark_does_not_hide_the_others() {
    let (azure, key, _) = signed();
    put(&azure, &key, &key.hash, Kind::Preattestation, &json!({"level": 500, "round": 2}));
    let list = run(&azure, &["marks", "list"]);
    let export = run(&azure, &["marks", "export"]);
    assert!(list.status.success(), "{list:?}");
    assert_eq!(export.status.code(), Some(1), "{export:?}");
    assert_eq!(text(&list.stdout).lines().count(), 2, "{list:?}");
    let exported: Value = serde_json::from_slice(&export.stdout).unwrap();
    assert_eq!(exported["marks"].as_array().unwrap().len(), 2);
    for output in [list, export] {
        let complaint = text(&output.stderr);
        assert!(complaint.contains(&format!("{} is not a mark", key.mark(Kind::Preattestation))), "{complaint}");
    }
}

#[test]
fn an_item_that_is_not_a_mark_is_only_replaced_by_a_higher_mark_unless_forced() {
    let (azure, key, _) = signed();
    let raise = |arguments: &[&str]| -> Output {
        let all = [&["marks", "raise", MAINNET, &key.hash][..], arguments, &["--kind", "preattestation"]].concat();
        run(&azure, &all)
    };
    let level = || stored(&azure, &key, Kind::Preattestation).unwrap()["level"].clone();
    put(&azure, &key, &key.hash, Kind::Preattestation, &json!({"level": 500, "round": 2}));
    for arguments in [&["499"][..], &["500", "--round", "1"]] {
        let refused = raise(arguments);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(text(&refused.stderr).contains("level 500, round 2 is legible in it"), "{refused:?}");
        assert_eq!(stored(&azure, &key, Kind::Preattestation).unwrap().get("attempt"), None, "nothing was written");
    }
    let before = azure.cosmos.requests(Operation::ReplaceItem);
    let repaired = raise(&["500", "--round", "2"]);
    assert!(text(&repaired.stdout).contains("replacing an item that was not a mark"), "{repaired:?}");
    assert_eq!(azure.cosmos.requests(Operation::ReplaceItem), before + 1, "conditional on its version");
    assert_eq!(level(), 500);

    put(&azure, &key, &key.hash, Kind::Preattestation, &json!({"level": null}));
    assert!(text(&raise(&["600"]).stderr).contains("no level is legible in it"));
    assert!(raise(&["600", "--force"]).status.success());
    assert_eq!(level(), 600);
}

#[test]
fn a_partial_raise_reports_what_was_done_and_what_was_not() {
    let azure = cloud::start();
    let key = baker(&azure);
    let mut creates = 0;
    azure.cosmos.faults().follow(move |operation| {
        creates += u32::from(operation == Operation::CreateItem);
        (operation == Operation::CreateItem && creates > 1).then(|| Effect::status(403))
    });
    let output = run(&azure, &["marks", "raise", MAINNET, &key.hash, "50"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let (done, complaint) = (text(&output.stdout), text(&output.stderr));
    assert!(done.contains(&format!("{}: set to level 50", key.mark(Kind::Block))), "{done}");
    assert_eq!(done.lines().count(), 1, "{done}");
    assert!(complaint.contains(&format!("{}: the result is unknown", key.mark(Kind::Preattestation))), "{complaint}");
    assert!(complaint.contains(&format!("not attempted: {}", key.mark(Kind::Attestation))), "{complaint}");
    azure.cosmos.faults().clear();
    let again = prints(&azure, &["marks", "raise", MAINNET, &key.hash, "50"]);
    assert_eq!((again.matches("kept at").count(), again.matches("set to").count()), (1, 2), "{again}");
}

#[test]
fn commands_wait_as_long_as_a_request() {
    let (azure, key, _) = signed();
    for (arguments, may_query) in [
        (vec!["marks", "list"], false),
        (vec!["marks", "list"], true),
        (vec!["marks", "export"], true),
        (vec!["marks", "raise", MAINNET, &key.hash, "50"], false),
    ] {
        azure.cosmos.allow_query(may_query);
        let listing = if may_query { Operation::Query } else { Operation::Other };
        for on in [Operation::Account, Operation::Metadata, Operation::ReadItem, Operation::ListKeys, listing] {
            let faults = if on == Operation::ListKeys { azure.key_vault.faults() } else { azure.cosmos.faults() };
            faults.add(Fault { on, times: Times::Next(2), effect: Effect::status(503) });
        }
        let printed = prints(&azure, &arguments);
        assert!(printed.contains(&key.hash), "{printed}");
        azure.cosmos.faults().clear();
        azure.key_vault.faults().clear();
    }
}
