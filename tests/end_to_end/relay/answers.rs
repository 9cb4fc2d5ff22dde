//! What the baker gets while all is well: signatures over connections that are open already, and the rest from memory.

use super::front::{Effect, KEY, platform};
use super::setup::{Setup, sign, signing_request, verify};
use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::{self, block};
use crate::support::process::Signer;
use azurehsm_signer::tezos::authentication::request_to_authenticate;
use azurehsm_signer::tezos::{BlsScheme, Curve, SecretKey};

/// For requests that fail at their deadline.
const SHORT: [(&str, &str); 2] = [("RELAY_DEADLINE_MS", "1500"), ("RELAY_HEDGE_MS", "1000")];

fn attestation(level: u32, variant: u8) -> Vec<u8> {
    payloads::attestation(level, 0, variant).bytes()
}

#[test]
fn signatures_come_over_connections_that_are_open_already() {
    let (setup, front, relay) = Setup::with_relay(&[]);
    let public_key = relay.get(&format!("/keys/{}", setup.key)).json()["public_key"].as_str().unwrap().to_owned();
    // Two connections are kept open, and the background opens no more.
    eventually("connections are warm", || {
        let probes = front.seen().iter().filter(|seen| !seen.headers.contains_key("x-functions-key")).count();
        (probes >= 1 && front.server.connections() >= 2).then_some(())
    });
    let connections = front.server.connections();
    for level in 1..=10 {
        assert_eq!(relay.get("/authorized_keys").body, "{}");
        for payload in [block(level, 0, 1), attestation(level, 1)] {
            let answer = relay.sign(&setup.key, &payload);
            verify(&public_key, &payload, &answer);
            assert_eq!(relay.sign(&setup.key, &payload).signature(), answer.signature(), "a repeat");
        }
    }
    assert_eq!((front.signing_requests(), front.server.connections()), (40, connections));
    let others: Vec<_> = front.seen().into_iter().filter(|seen| seen.method == "GET").collect();
    let keys = others.iter().filter(|seen| seen.target.starts_with("/keys/")).count();
    assert_eq!(keys, 1, "the public key is requested once: {others:?}");
    let version =
        front.seen().iter().filter(|seen| seen.method == "POST").all(|seen| seen.target.ends_with("?version=3"));
    assert!(version, "{:?}", front.seen());
}

#[test]
fn refusals_are_the_signers_own() {
    let (setup, front, relay) = Setup::with_relay(&[]);
    relay.sign(&setup.key, &attestation(10, 1)).signature();
    for (payload, reason) in
        [(attestation(10, 2), "different_data"), (attestation(9, 1), "below_mark"), (vec![0x13], "payload")]
    {
        let direct = http::sign(setup.signer.address, &setup.key, &payload).unwrap();
        let answer = relay.sign(&setup.key, &payload);
        assert_eq!((answer.status, &answer.body), (direct.status, &direct.body), "{reason}");
        assert_eq!((answer.header("x-signer-verdict"), answer.header("x-signer-reason")), ("refused", reason));
    }
    assert_eq!(front.signing_requests(), 4, "a refusal of the only upstream is not repeated");
    let unknown = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";
    let answer = relay.sign(unknown, &attestation(1, 1));
    assert_eq!((answer.status, answer.error().contains(unknown)), (404, true), "{answer:?}");
}

#[test]
fn keys_are_answered_after_a_restart_while_no_upstream_answers() {
    let setup = Setup::start_with(&[("ALLOW_LIST_KNOWN_KEYS", "true")]);
    let front = setup.front();
    let relay = setup.relay(&[&front], &[]);
    relay.wait_until_ready();
    let path = format!("/keys/{}", setup.key);
    let paths = [path.as_str(), "/known_keys", "/authorized_keys"];
    let before = paths.map(|path| relay.get(path).body);
    let listed = relay.get("/keys");
    assert!(before[1].contains(&setup.key) && listed.body.contains(&setup.key), "{before:?} {listed:?}");
    assert!(relay.0.terminate().success());
    front.refuse(true);
    let relay = setup.relay(&[&front], &SHORT);
    assert_eq!(paths.map(|path| relay.get(path).body), before);
    assert!(relay.get("/keys").body.contains(&setup.key), "without its name in the vault");
    let answer = relay.sign(&setup.key, &attestation(1, 1));
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.error().contains(&front.url()), "{answer:?}");
    front.refuse(false);
    eventually("it signs again", || (relay.sign(&setup.key, &attestation(1, 1)).status == 200).then_some(()));
}

#[test]
fn identical_requests_at_the_same_time_share_one() {
    let (setup, front, relay) = Setup::with_relay(&[]);
    relay.get(&format!("/keys/{}", setup.key));
    front.next([Effect::Held]);
    let (payload, address) = (attestation(1, 1), relay.address());
    let signatures: Vec<_> = std::thread::scope(|scope| {
        let request = || sign(address, &setup.key, &payload).signature();
        let requests: Vec<_> = (0..8).map(|_| scope.spawn(request)).collect();
        eventually("the request arrives", || (front.signing_requests() == 1).then_some(()));
        // Another payload is another request.
        relay.sign(&setup.key, &block(1, 0, 1)).signature();
        front.release();
        requests.into_iter().map(|request| request.join().unwrap()).collect()
    });
    assert!(signatures.iter().all(|signature| *signature == signatures[0]));
    assert!(front.signing_requests() <= 1 + 1 + 7, "{}", front.signing_requests());
}

#[test]
fn answers_that_octez_cannot_read_or_repeats_become_500() {
    let (setup, front, relay) = Setup::with_relay(&SHORT);
    relay.sign(&setup.key, &attestation(1, 1)).signature();
    for (level, status) in [(2, 301), (3, 401), (4, 404), (5, 429), (6, 500), (7, 502), (8, 503)] {
        front.always(Some(Effect::Instead(platform(status))));
        let answer = relay.sign(&setup.key, &attestation(level, 1));
        assert_eq!(answer.status, 500, "{status}");
        assert!(answer.error().contains(&format!("status {status} without a signer's headers")), "{answer:?}");
    }
    front.always(None);
    relay.sign(&setup.key, &attestation(9, 1)).signature();
}

#[test]
fn a_request_is_answered_by_its_deadline_and_the_function_key_is_never_shown() {
    let setup = Setup::start();
    let front = setup.front();
    let file = setup.folder.path().join("function-keys");
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    let settings = [("RELAY_FUNCTION_KEYS_FILE", file.to_str().unwrap()), SHORT[0], SHORT[1], ("RUST_LOG", "trace")];
    let relay = setup.relay(&[&front], &settings);
    relay.wait_until_ready();
    relay.sign(&setup.key, &attestation(1, 1)).signature();

    front.always(Some(Effect::Silence));
    let answer = relay.sign(&setup.key, &attestation(2, 1));
    assert_eq!((answer.status, answer.error().contains("no answer within")), (500, true), "{answer:?}");
    assert!(!answer.error().contains("within 0 ms"), "no call is sent when no time is left for it: {answer:?}");
    front.always(None);

    front.require_key("another");
    let answer = relay.sign(&setup.key, &attestation(3, 1));
    assert!(answer.error().contains("the function key is missing or wrong"), "{answer:?}");
    std::fs::write(&file, "another").unwrap();
    eventually("the new key is used", || (relay.sign(&setup.key, &attestation(3, 1)).status == 200).then_some(()));
    let line = relay.0.system_says("cmdline");
    relay.0.signal_termination();
    let log = relay.0.rest_of_log().join("\n") + &line;
    assert!(log.contains("relay_function_keys_changed") && !log.contains(KEY), "{log}");
}

#[test]
fn during_a_rotation_the_second_function_key_is_tried_at_once_and_kept() {
    let keys = format!("{KEY} another");
    let (setup, front, relay) = Setup::with_relay(&[("RELAY_FUNCTION_KEYS", &keys)]);
    relay.sign(&setup.key, &attestation(1, 1)).signature();
    front.require_key("another");
    for level in 2..=3 {
        relay.sign(&setup.key, &attestation(level, 1)).signature();
    }
    assert_eq!(front.signing_requests(), 1 + 2 + 1);
    front.require_key("neither of them");
    let answer = relay.sign(&setup.key, &attestation(4, 1));
    assert!(answer.error().contains("the function key is missing or wrong"), "{answer:?}");
    assert_eq!(front.signing_requests(), 4 + 2);
    front.require_key(KEY);
    relay.sign(&setup.key, &attestation(4, 1)).signature();
}

#[test]
fn a_signal_ends_the_relay_after_the_requests_in_flight() {
    let (setup, front, relay) = Setup::with_relay(&[]);
    relay.get(&format!("/keys/{}", setup.key));
    front.next([Effect::Held]);
    let (address, key) = (relay.address(), setup.key.as_str());
    std::thread::scope(|scope| {
        let request = scope.spawn(move || sign(address, key, &attestation(1, 1)));
        eventually("the request arrives", || (front.signing_requests() == 1).then_some(()));
        relay.0.signal_termination();
        relay.0.wait_for_log("shutting_down");
        front.release();
        request.join().unwrap().signature();
    });
    assert!(relay.0.exit_status().success());
}

#[test]
fn a_stale_list_of_authorized_keys_is_read_again_when_the_signer_rejects_a_request() {
    let (setup, front, relay) = Setup::with_relay(&[]);
    relay.sign(&setup.key, &attestation(1, 1)).signature();
    assert_eq!(relay.get("/authorized_keys").body, "{}");
    let client = SecretKey::generate(Curve::Ed25519).unwrap();
    let Setup { folder, signer, key } = setup;
    assert!(signer.terminate().success());
    let signer = Signer::start(folder.path(), &[("AUTHORIZED_KEYS", &client.public_key().to_string())]);
    front.lead_to(signer.address);

    let answer = relay.sign(&key, &attestation(2, 1));
    assert_eq!((answer.status, answer.header("x-signer-reason")), (401, "unauthenticated"), "{answer:?}");
    eventually("the new list is there", || {
        relay.get("/authorized_keys").body.contains(&client.public_key().hash().to_string()).then_some(())
    });
    let payload = attestation(2, 1);
    let request = request_to_authenticate(&key.parse().unwrap(), &payload);
    let authentication = client.sign(&request, BlsScheme::ProofOfPossession).unwrap();
    let authenticated =
        signing_request(&key, &payload).replace("version=3", &format!("version=3&authentication={authentication}"));
    http::send(relay.address(), authenticated.as_bytes()).unwrap().signature();
}
