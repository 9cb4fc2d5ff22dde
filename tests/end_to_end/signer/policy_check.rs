//! `policy check` answers what a signer with that policy answers.

use crate::samples::PAYLOADS;
use crate::support::http;
use crate::support::payloads::{payload, transfer};
use crate::support::process::{Signer, command, complaint, printed, run};
use azurehsm_signer::tezos::payload::Kind;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
const POLICY: &str =
    r#"{"default": {"kinds": ["attestation"], "operations": ["any"], "max_fee": 5000, "packed_data": true}}"#;

fn check(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let policy = folder.join("policy.json");
    std::fs::write(&policy, POLICY).unwrap();
    run(folder, &[&["policy", "check", policy.to_str().unwrap()], arguments].concat(), input)
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_sample_is_answered_as_the_signer_answers_it() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(&folder.path().join("data"), &[("POLICY", POLICY)]);
    let key = signer.only_key();
    let request = |payload: &Vec<u8>| json!({"key": key, "payload": hex::encode(payload)}).to_string();
    let requests: Vec<_> = PAYLOADS.values().map(request).collect();
    let answers = lines(&check(folder.path(), &["--requests", "-", "--json"], &requests.join("\n")));
    assert_eq!(answers.len(), PAYLOADS.len());
    let (mut allowed, mut refused) = (0, 0);
    for ((name, payload), answer) in PAYLOADS.iter().zip(&answers) {
        let signed = http::sign(signer.address, &key, payload).unwrap();
        let reason = signed.header("x-signer-reason");
        if answer["allowed"] == true {
            allowed += 1;
            assert_ne!(signed.status, 403, "{name}: {answer}, {signed:?}");
        } else {
            refused += 1;
            assert_eq!(
                (signed.status, reason),
                (403, answer["reason"].as_str().unwrap()),
                "{name}: {answer}, {signed:?}"
            );
            assert_eq!(Some(signed.error().as_str()), answer["message"].as_str(), "{name}");
        }
    }
    assert!(allowed > 10 && refused > 10, "{allowed} allowed, {refused} refused");
}

#[test]
fn the_exit_status_shows_whether_all_are_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let vote = hex::encode(payload(Kind::Attestation, 7, 0, 0));
    let allowed = check(folder.path(), &["--key", KEY, "--payload", &vote], "");
    assert_eq!(
        printed(&allowed),
        format!("1  {KEY}  default  allowed  attestation at level 7, round 0 of NetXdQprcVkpaWU\n")
    );
    let transfer = hex::encode(transfer(1, 200));
    let block = hex::encode(payload(Kind::Block, 7, 0, 0));
    let mixed = check(folder.path(), &["--payload", &transfer, "--payload", &block], "");
    assert_eq!(mixed.status.code(), Some(3), "{mixed:?}");
    let text = String::from_utf8(mixed.stdout).unwrap();
    let starts = ["1  default  allowed  transaction", "2  default  refused  block at level 7"];
    assert!(
        text.lines().zip(starts).all(|(line, start)| line.starts_with(start)) && text.lines().count() == 2,
        "{text}"
    );
}

#[test]
fn wrong_policies_and_requests_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = complaint(&check(folder.path(), &["--requests", "-"], "{}\n"));
    assert!(wrong.contains("-: line 1: missing field `key`"), "{wrong}");
    let policy = folder.path().join("wrong.json");
    std::fs::write(&policy, r#"{"default": {"kinds": ["blocks"]}}"#).unwrap();
    let arguments = ["policy", "check", policy.to_str().unwrap(), "--payload", "03"];
    let wrong = complaint(&command(folder.path(), &[]).args(arguments).output().unwrap());
    assert!(wrong.contains("wrong.json: wrong policy:\ndefault.kinds: 'blocks'"), "{wrong}");
    let neither = check(folder.path(), &[], "");
    assert_eq!(neither.status.code(), Some(2), "{neither:?}");
}
