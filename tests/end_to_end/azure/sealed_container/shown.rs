//! What shows sealed keys, without serving them.

use super::Bakery;
use crate::azure::cloud::{self, always};
use crate::azure::instance::command;
use crate::support::payloads::{MAINNET, bls_attestation};
use crate::support::process::{complaint, printed, with_input};
use oracle::chain::{Baker, Chain, Key, Network};
use oracle::crypto::Curve;
use serde_json::{Value, json};
use stand_ins::{Effect, Operation, SharedChain, TezosNode, Transport};
use std::process::Output;

impl Bakery {
    /// Runs a command with the settings of a signer that serves the container and the folder.
    fn shows(&self, settings: &[(&str, &str)], arguments: &str) -> Output {
        let folder = self.path("sealed");
        std::fs::create_dir_all(&folder).unwrap();
        let sealed = [("SEALED_KEYS_CONTAINER", "keys"), ("SEALED_KEYS_DIR", folder.to_str().unwrap())];
        let mut command = command(&self.azure, &[&sealed, settings].concat());
        command.args(arguments.split_whitespace()).output().unwrap()
    }

    fn json(&self, settings: &[(&str, &str)], arguments: &str) -> Value {
        serde_json::from_slice(&self.shows(settings, arguments).stdout).unwrap()
    }

    /// The findings of the doctor on sealed keys: check, outcome, and the rest as text.
    fn examined(&self, settings: &[(&str, &str)]) -> Vec<(String, String, String)> {
        let report = self.json(settings, "doctor --json");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let findings = report["findings"].as_array().unwrap().iter();
        findings
            .map(|finding| (text(&finding["check"]), text(&finding["outcome"]), finding.to_string()))
            .filter(|(check, ..)| check.starts_with("sealed."))
            .collect()
    }

    fn assert_finds(&self, check: &str, outcome: &str, words: &[&str]) {
        self.assert_finds_with(&[], check, outcome, words);
    }

    fn assert_finds_with(&self, settings: &[(&str, &str)], check: &str, outcome: &str, words: &[&str]) {
        let found = self.examined(settings);
        let is_it = |(of, is, text): &(String, String, String)| {
            of == check && is == outcome && words.iter().all(|word| text.contains(word))
        };
        assert!(found.iter().any(is_it), "no {outcome} {check} with {words:?} in {found:#?}");
    }
}

#[test]
fn the_doctor_opens_each_key_with_each_vault_and_says_why_one_is_not_served() {
    let bakery = Bakery::new();
    let key = bakery.create_in("--cosmos", "baker", "consensus");
    bakery.create_in("--folder sealed", "companion", "companion");
    let outcomes = |found: Vec<(String, String, String)>| {
        found.into_iter().map(|(check, outcome, _)| format!("{check} {outcome}")).collect::<Vec<_>>()
    };
    let healthy =
        ["sealed.list ok", "sealed.role ok", "sealed.unwrap ok", "sealed.key ok", "sealed.unwrap ok", "sealed.key ok"];
    assert_eq!(outcomes(bakery.examined(&[])), healthy);
    bakery.assert_finds("sealed.key", "ok", &[&key.hash, "consensus", "baker in the container keys"]);
    let items = cloud::wait(bakery.azure.cosmos.sealed_key("doctor:absent"));
    assert_eq!(items, None, "the check of the role writes nothing");

    bakery.azure.cosmos.allow_write_of_keys(true);
    bakery.assert_finds("sealed.role", "warning", &["may replace sealed keys"]);
    bakery.azure.cosmos.allow_write_of_keys(false);

    bakery.azure.key_vault.allow_unwrap(false);
    bakery.assert_finds("sealed.unwrap", "failed", &["403", &bakery.recipient, "keys/unwrap/action"]);
    bakery.assert_finds("sealed.key", "failed", &["no recipient's vault opens it"]);
    bakery.azure.key_vault.allow_unwrap(true);

    let copy = bakery.path("sealed/copy.json");
    std::fs::write(&copy, bakery.item("baker")["sealed"].to_string()).unwrap();
    bakery.assert_finds("sealed.key", "failed", &["it is sealed twice", "copy.json"]);
    assert_eq!(bakery.json(&[], "status --json")["sealed_keys"]["state"], "failed");
    std::fs::remove_file(copy).unwrap();

    // The name of the container is in the path.
    let not_a_folder = bakery.path("the container keys");
    std::fs::write(&not_a_folder, "").unwrap();
    let settings = [("SEALED_KEYS_DIR", not_a_folder.to_str().unwrap())];
    bakery.assert_finds_with(&settings, "sealed.list", "failed", &["the container keys", "check SEALED_KEYS_DIR"]);

    let mut elsewhere = bakery.item("baker");
    elsewhere["sealed"]["store"]["container"] = "other".into();
    bakery.put(&json!({ "id": "baker", "type": "sealed_key", "sealed": elsewhere["sealed"] }));
    bakery.assert_finds("sealed.key", "failed", &["another mark store", "rewrap --store"]);
    bakery.put(&json!({ "id": "baker", "type": "sealed_key" }));
    bakery.assert_finds("sealed.key", "failed", &["baker in the container keys", "no field"]);

    always(bakery.azure.cosmos.faults(), Operation::Query, Effect::status(403));
    bakery.assert_finds("sealed.list", "failed", &["container keys", "containers/items/read"]);
}

#[test]
fn lists_and_the_status_include_sealed_keys() {
    let bakery = Bakery::new();
    let in_container = bakery.create_in("--cosmos", "baker", "consensus");
    let in_folder = bakery.create_in("--folder sealed", "companion", "companion");
    let listed = printed(&bakery.shows(&[], "keys list"));
    for (name, key, role) in [("baker", &in_container, "consensus"), ("companion", &in_folder, "companion")] {
        let line = listed.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {listed}"));
        assert!(line.contains(&key.hash) && line.ends_with(&format!("sealed, {role}")), "{line}");
    }
    let status = bakery.json(&[], "status --json");
    assert_eq!(
        (&status["sealed_keys"]["state"], &status["sealed_keys"]["keys"]),
        (&json!("ok"), &json!(2)),
        "{status:#}"
    );
    let screen = printed(&bakery.shows(&[], "status"));
    assert!(screen.contains("\nSealed keys\n") && screen.contains("2 keys"), "{screen}");

    let signer = bakery.start_with_both(&[]);
    signer.eventually_signs(&in_container.hash, &bls_attestation(5, 0, 0));
    let status = bakery.json(&[], "status --json");
    let marks = status["marks"]["list"].as_array().unwrap();
    assert!(marks.iter().any(|mark| mark["key"] == in_container.hash.as_str()), "{status:#}");
    assert!(
        printed(&bakery.shows(&[], "marks list")).contains(&in_container.hash),
        "without a right to query the marks"
    );

    bakery.put(&json!({ "id": "broken", "type": "sealed_key" }));
    let status = bakery.json(&[], "status --json");
    assert_eq!(status["sealed_keys"]["state"], "failed", "{status:#}");
    assert!(status["sealed_keys"]["reason"].as_str().unwrap().contains("broken in the container keys"), "{status:#}");
    let output = bakery.shows(&[], "keys list");
    assert!(String::from_utf8(output.stderr.clone()).unwrap().contains("broken in the container keys"), "{output:?}");
    printed(&output);

    always(bakery.azure.cosmos.faults(), Operation::Query, Effect::status(403));
    let status = bakery.json(&[], "status --json");
    assert_eq!(status["sealed_keys"]["state"], "unknown", "{status:#}");
    let output = bakery.shows(&[], "keys list");
    assert!(complaint(&output).contains("some sealed keys could not be read"), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains(&in_folder.hash));
}

#[test]
fn participation_is_shown_for_a_sealed_key() {
    let bakery = Bakery::new();
    let ours = Key::of_name(Curve::Bls, "ours");
    let hash = ours.hash.clone();
    bakery.azure.cosmos.allow_write_of_keys(true);
    let import = bakery.creation("baker", "consensus", "--cosmos").replacen("create", "import", 1);
    assert!(printed(&with_input(&mut bakery.command(&import), &ours.secret.text())).contains(&hash));
    let others = ["a", "b", "c"].map(|name| Baker::new(Key::of_name(Curve::P256, name)));
    let bakers: Vec<_> = [Baker::new(ours)].into_iter().chain(others).collect();
    let chain = SharedChain::new(Chain::new(Network::new(bakers), 15_900_000, 1_796_000_000));
    let node = TezosNode::following(&chain, Transport::Http).unwrap();
    let shown = bakery.json(&[("NODE_URLS", &node.url())], &format!("participation --json --key {hash}"));
    assert_eq!(shown["keys"][0]["key"], hash.as_str(), "{shown:#}");
}

#[test]
fn recovering_raises_the_marks_of_sealed_keys_and_says_what_else_they_need() {
    let bakery = Bakery::new();
    let key = bakery.create_in("--cosmos", "baker", "consensus");
    let recover = format!("marks recover --chain {MAINNET} --level 1000");
    let output = bakery.shows(&[], &recover);
    let notes = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(printed(&output).contains(&key.hash) && notes.contains("sealed rewrap NAME --store"), "{output:?}");
    let signer = bakery.start_with_container(&[]);
    let at = |level| bls_attestation(level, 0, 0);
    let refused = signer.eventually_answers(&key.hash, &at(1010));
    assert_eq!(refused.status, 409, "{refused:?}");
    signer.sign(&key.hash, &at(1011)).signature();

    let elsewhere = complaint(&bakery.shows(&[], "marks recover --chain NetXsqzbfFenSTS --level 1000"));
    assert!(elsewhere.contains(&format!("repeat the command with --chain {MAINNET}")), "{elsewhere}");
    assert!(elsewhere.contains("none of the keys signs on this chain"), "{elsewhere}");
    always(bakery.azure.cosmos.faults(), Operation::Query, Effect::status(403));
    let unread = complaint(&bakery.shows(&[], &recover));
    assert!(unread.contains("nothing was raised, since some sealed keys could not be read"), "{unread}");
}
