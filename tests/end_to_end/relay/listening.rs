//! Which requests are forwarded: any process on the machine and any web page can reach a loopback port.

use super::setup::{Setup, signing_request};
use crate::support::http;
use crate::support::payloads::{attestation, transfer};
use crate::support::process::{command, complaint};

#[test]
fn web_pages_get_nothing() {
    let (setup, front, relay) = Setup::with_relay(&[("RELAY_HOST_NAMES", "relay.example")]);
    let vote = attestation(1, 0, 1).bytes();
    let request = signing_request(&setup.key, &vote);
    for (headers, is_answered) in [
        ("host: rebound.example", false),
        ("host: rebound.example:6732", false),
        ("host: localhost\r\norigin: http://localhost", false),
        ("host: localhost", true),
        ("host: relay.example:6732", true),
    ] {
        for request in [
            request.clone(),
            format!("GET /keys/{} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", setup.key),
        ] {
            let request = request.replace("host: localhost", headers);
            let answer = http::send(relay.address(), request.as_bytes()).unwrap();
            assert_eq!(answer.status, if is_answered { 200 } else { 403 }, "{headers}: {answer:?}");
            assert!(
                is_answered || answer.error().contains("relay") || answer.error().contains("web pages"),
                "{answer:?}"
            );
        }
    }
    assert_eq!(front.signing_requests(), 2);
}

#[test]
fn operations_are_forwarded_for_the_keys_that_are_named() {
    let policy = r#"{"default": {"operations": ["any"]}}"#;
    let setup = Setup::start_with(&[("POLICY", policy)]);
    let front = setup.front();
    let relay = setup.relay(&[&front], &[]);
    relay.wait_until_ready();
    let answer = relay.sign(&setup.key, &transfer(1, 1));
    assert_eq!((answer.status, front.signing_requests()), (403, 0));
    assert!(answer.error().contains("RELAY_OPERATIONS"), "{answer:?}");
    drop(relay);
    let relay = setup.relay(&[&front], &[("RELAY_OPERATIONS", &setup.key)]);
    relay.sign(&setup.key, &transfer(1, 1)).signature();
}

#[test]
fn wrong_settings_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (settings, expected) in [
        (vec![], "RELAY_UPSTREAMS: is not set"),
        (vec![("RELAY_UPSTREAMS", "http://signer.example")], "RELAY_UPSTREAMS: entry 1: expected https://"),
        (
            vec![("RELAY_UPSTREAMS", "https://signer.example"), ("RELAY_LISTEN", "0.0.0.0:0")],
            "RELAY_LISTEN: 0.0.0.0:0 can be reached from other machines",
        ),
        (
            vec![("RELAY_UPSTREAMS", "https://signer.example"), ("RELAY_FUNCTION_KEYS_FILE", "/nowhere")],
            "RELAY_FUNCTION_KEYS: /nowhere: ",
        ),
    ] {
        let output =
            command(folder.path(), &settings).arg("relay").env("RELAY_STATE_DIR", folder.path()).output().unwrap();
        let complaint = complaint(&output);
        assert!(complaint.contains(expected), "{complaint}");
    }
}
