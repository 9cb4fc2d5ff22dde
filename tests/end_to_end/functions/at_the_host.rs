//! The interface between the host and the program.

use crate::azure::cloud::{self, baker};
use crate::functions::hosted::{Hosted, PATIENCE, options, settings};
use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use functions_host::{InstanceState, LogEntry, LogLevel};
use serde_json::Value;
use stand_ins::Azure;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

fn ready(azure: &Azure) -> Hosted {
    let host = Hosted::start_ready(options(settings(azure, &[])));
    eventually("a healthy host", || (host.get("/health").status == 200).then_some(()));
    host
}

fn vote(level: u32) -> Vec<u8> {
    payload(Kind::Attestation, level, 0, 0)
}

#[test]
fn headers_for_a_relay_pass_the_host_in_both_directions() {
    let azure = cloud::start();
    let key = baker(&azure).hash;
    let host = ready(&azure);
    let (function_key, companion) =
        (format!("x-functions-key: {}", http::FUNCTION_KEY), format!("x-signer-companion: {key}"));
    let headers = ["host: signer", "connection: close", &function_key, &companion];
    let request = http::request("POST", &format!("/keys/{key}"), &headers, &format!("\"{}\"", hex::encode(vote(7))));
    let answer = http::send(host.address(), request.as_bytes()).unwrap();
    let said = ["verdict", "companion-reason", "version"].map(|name| answer.header(&format!("x-signer-{name}")));
    assert_eq!(said, ["signed", "request", env!("CARGO_PKG_VERSION")], "{answer:?}");
}

#[test]
fn every_line_is_json_at_its_level_and_a_request_is_found_by_its_invocation() {
    let azure = cloud::start();
    let key = baker(&azure).hash;
    let host = ready(&azure);
    host.sign(&key, &vote(7)).signature();
    assert_eq!(host.sign(&key, &payload(Kind::Attestation, 7, 0, 1)).status, 409);
    azure.cosmos.refuse_connections(true);
    assert_eq!(host.sign(&key, &vote(8)).status, 500);
    let lines: Vec<(LogLevel, Value)> = eventually("a line for each request", || {
        let lines = host.handler_lines();
        let verdicts = lines.iter().filter(|entry| entry.message.contains("\"verdict\"")).count();
        let parsed = |entry: &LogEntry| (entry.level, serde_json::from_str(&entry.message).unwrap());
        (verdicts == 3).then(|| lines.iter().map(parsed).collect())
    });
    for (host_level, line) in &lines {
        let expected = match line["level"].as_str().unwrap() {
            "ERROR" => LogLevel::Error,
            "WARN" => LogLevel::Warning,
            _ => LogLevel::Information,
        };
        assert_eq!(*host_level, expected, "{line}");
    }
    let of_requests = lines.iter().filter(|(_, line)| line["fields"]["verdict"].is_string());
    let levels: BTreeSet<_> = of_requests.clone().map(|(level, _)| *level).collect();
    assert_eq!(Vec::from_iter(levels), [LogLevel::Information, LogLevel::Warning, LogLevel::Error]);
    let invocations: BTreeSet<_> =
        of_requests.filter_map(|(_, line)| line["fields"]["invocation"].as_str()).filter(|id| id.len() == 36).collect();
    assert_eq!(invocations.len(), 3, "{lines:?}");
}

#[test]
fn a_killed_handler_is_restarted_with_all_marks() {
    let azure = cloud::start();
    let key = baker(&azure);
    let host = ready(&azure);
    let block = payload(Kind::Block, 7, 0, 0);
    let signature = host.sign(&key.hash, &block).signature();
    let number = host.instances()[0].number;
    assert!(host.kill(number));
    // The host holds the request until there is a handler, and the handler until it has keys.
    assert_eq!(host.sign(&key.hash, &block).signature(), signature);
    assert_eq!(host.sign(&key.hash, &payload(Kind::Block, 7, 0, 1)).status, 409);
    assert_eq!(host.instance(number).unwrap().handlers, 2);
}

#[test]
fn a_terminated_handler_is_restarted_each_time_and_no_request_is_lost() {
    let azure = cloud::start();
    let key = baker(&azure).hash;
    let host = Hosted::start_ready(functions_host::Options { resend: false, ..options(settings(&azure, &[])) });
    eventually("a healthy host", || (host.get("/health").status == 200).then_some(()));
    for level in 0..130 {
        if level % 26 == 13 {
            let process = eventually("a new handler", || {
                let instance = host.instances().remove(0);
                instance.process.filter(|_| instance.state == InstanceState::Ready)
            });
            assert!(Command::new("kill").arg(process.to_string()).status().unwrap().success());
        }
        host.sign(&key, &vote(level)).signature();
    }
    let instance = &host.instances()[0];
    assert_eq!((instance.handlers, instance.state), (6, InstanceState::Ready), "{:?}", host.log().entries());
}

#[test]
fn an_outage_of_azure_at_startup_ends_no_handler() {
    let azure = cloud::start();
    let key = baker(&azure);
    let is_down = |down| {
        azure.identity.refuse_connections(down);
        azure.key_vault.refuse_connections(down);
        azure.cosmos.refuse_connections(down);
    };
    is_down(true);
    let host = Hosted::start_ready(options(settings(&azure, &[])));
    let answer = host.sign(&key.hash, &vote(7));
    assert!(answer.status == 500 && !answer.error().is_empty(), "{answer:?}");
    assert_eq!(host.get("/health").status, 503);
    is_down(false);
    eventually("a signature", || (host.sign(&key.hash, &vote(7)).status == 200).then_some(()));
    let instance = &host.instances()[0];
    assert_eq!((instance.handlers, instance.state), (1, InstanceState::Ready));
}

#[test]
fn invalid_settings_end_the_handler_with_one_clear_error_and_never_with_status_zero() {
    let azure = cloud::start();
    let with = |name: &str, value: &str| settings(&azure, &[(name, value)]);
    let without = |name: &str| {
        let mut settings = settings(&azure, &[]);
        settings.remove(name).unwrap();
        settings
    };
    let nothing = BTreeMap::from([("LOCAL_DATA_DIR".to_owned(), "/nowhere".to_owned())]);
    for (environment, errors) in [
        (with("NODE_URLS", "node.example"), vec!["NODE_URLS: entry 1"]),
        (with("COSMOS_ENDPOINT", "http://account.documents.azure.com/"), vec!["COSMOS_ENDPOINT: expected https://"]),
        (without("COSMOS_ENDPOINT"), vec!["COSMOS_ENDPOINT: expected"]),
        (without("KEY_VAULT_URL"), vec!["KEY_VAULT_URL: expected in Azure and under a Functions host"]),
        (nothing, vec!["KEY_VAULT_URL: expected in Azure", "COSMOS_ENDPOINT: expected in Azure"]),
    ] {
        let host = Hosted::start(options(environment));
        let number = host.instances()[0].number;
        // The host stops after three errors in half an hour. An exit with status 0 would not count as one.
        assert!(host.wait_for_state(number, InstanceState::Stopped, PATIENCE), "{errors:?}: {:?}", host.instances());
        assert_eq!(host.instance(number).unwrap().handlers, 3);
        let entries = host.handler_lines();
        let entries: Vec<_> = entries.iter().filter(|entry| entry.level == LogLevel::Error).collect();
        assert_eq!(entries.len(), 3, "one per start: {entries:?}");
        for (entry, error) in entries.iter().flat_map(|entry| errors.iter().map(move |error| (entry, error))) {
            assert!(entry.message.contains(error), "{entry}");
        }
    }
}

#[test]
fn on_a_laptop_the_embedded_default_works_behind_the_host() {
    let folder = tempfile::TempDir::new().unwrap();
    let data = folder.path().to_str().unwrap().to_owned();
    let environment = BTreeMap::from([("LOCAL_DATA_DIR".to_owned(), data)]);
    let host = Hosted::start_ready(functions_host::Options { development: true, ..options(environment) });
    let keys = host.get("/keys").json();
    let key = keys[0]["public_key_hash"].as_str().unwrap();
    host.sign(key, &vote(7)).signature();
    // A new signer is started before the old one has ended, and waits for the store.
    assert!(host.restart(host.instances()[0].number));
    assert_eq!(host.sign(key, &payload(Kind::Attestation, 7, 0, 1)).status, 409);
    host.sign(key, &vote(8)).signature();
    assert_eq!(host.instances()[0].handlers, 2, "{:?}", host.log().entries());
}
