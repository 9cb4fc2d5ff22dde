//! The relay holds an authorized key, and signs requests for clients that do not sign theirs.

use super::front::KEY;
use super::setup::{Relay, Setup, attestation, signing_request, trust, verify};
use crate::support::eventually::eventually;
use crate::support::http::{self, Answer};
use crate::support::process::command;
use azurehsm_signer::tezos::authentication::request_to_authenticate;
use azurehsm_signer::tezos::{BlsScheme, Curve, SecretKey};

fn generate() -> SecretKey {
    SecretKey::generate(Curve::Ed25519).unwrap()
}

/// A request that the client has signed with this key.
fn sign_with(client: &SecretKey, relay: &Relay, key: &str, payload: &[u8]) -> Answer {
    let request = request_to_authenticate(&key.parse().unwrap(), payload);
    let authentication = client.sign(&request, BlsScheme::ProofOfPossession).unwrap();
    let version = format!("version=3&authentication={authentication}");
    let request = signing_request(key, payload).replace("version=3", &version);
    http::send(relay.address(), request.as_bytes()).unwrap()
}

#[test]
fn the_relay_signs_requests_that_the_client_has_not_signed() {
    let [own, client, other] = [1, 2, 3].map(|_| generate());
    let authorized = [&own, &client].map(|key| key.public_key().to_string()).join(",");
    let setup = Setup::start_with(&[("AUTHORIZED_KEYS", &authorized)]);
    let front = setup.front();
    let file = setup.folder.path().join("authentication-key");
    std::fs::write(&file, format!("{}\n", *own.to_text())).unwrap();
    let key_file = ("RELAY_AUTHENTICATION_KEY_FILE", file.to_str().unwrap());
    let relay = setup.relay(&[&front], &[key_file, ("RUST_LOG", "trace")]);
    relay.wait_until_ready();
    assert_eq!(relay.get("/authorized_keys").body, "{}", "octez need not sign");
    let public_key = relay.get(&format!("/keys/{}", setup.key)).json()["public_key"].as_str().unwrap().to_owned();
    let answer = relay.sign(&setup.key, &attestation(1));
    verify(&public_key, &attestation(1), &answer);
    let direct = http::sign(setup.signer.address, &setup.key, &attestation(1)).unwrap();
    assert_eq!(direct.status, 401, "{direct:?}");
    // A client's own authentication is passed on.
    assert_eq!(sign_with(&client, &relay, &setup.key, &attestation(2)).status, 200);
    assert_eq!(sign_with(&other, &relay, &setup.key, &attestation(3)).status, 401);
    relay.0.signal_termination();
    let log = relay.0.rest_of_log().join("\n");
    for secret in [own.to_text().as_str(), "edsig", "authentication="] {
        assert!(!log.contains(secret), "{log}");
    }

    // With its own authorized keys, the relay checks the client's authentication, and sends its own to the signer.
    let of_client = other.public_key().to_string();
    let relay = setup.relay(&[&front], &[key_file, ("RELAY_AUTHORIZED_KEYS", &of_client)]);
    relay.wait_until_ready();
    assert!(relay.get("/authorized_keys").body.contains(&other.public_key().hash().to_string()));
    assert_eq!(relay.sign(&setup.key, &attestation(4)).status, 401);
    assert_eq!(sign_with(&other, &relay, &setup.key, &attestation(4)).status, 200);
}

#[test]
fn a_wrong_key_is_reported_and_a_new_one_is_used_at_once() {
    let [own, wrong] = [1, 2].map(|_| generate());
    let setup = Setup::start_with(&[("AUTHORIZED_KEYS", &own.public_key().to_string())]);
    let front = setup.front();
    let file = setup.folder.path().join("authentication-key");
    std::fs::write(&file, wrong.to_text().as_bytes()).unwrap();
    let settings = [("RELAY_AUTHENTICATION_KEY_FILE", file.to_str().unwrap())];
    let check = |expected: &str| {
        let mut command = command(setup.folder.path(), &settings);
        command.args(["relay", "check"]).env("RELAY_UPSTREAMS", front.url()).env("RELAY_FUNCTION_KEYS", KEY);
        command.env("SSL_CERT_FILE", trust(setup.folder.path(), &[&front]));
        let output = command.env("RELAY_STATE_DIR", setup.folder.path().join("none")).output().unwrap();
        let report = String::from_utf8(output.stdout).unwrap();
        assert!(report.contains(expected), "{expected}: {report}");
    };
    check(&format!("add its public key {} to AUTHORIZED_KEYS", wrong.public_key()));
    let relay = setup.relay(&[&front], &settings);
    let line = relay.0.wait_for_log("relay_key_not_authorized");
    assert!(line.contains(&wrong.public_key().to_string()), "{line}");
    relay.wait_until_ready();
    let answer = relay.sign(&setup.key, &attestation(1));
    assert_eq!((answer.status, answer.header("x-signer-reason")), (401, "unauthenticated"), "{answer:?}");
    assert!(answer.error().contains("no authorized key signed this request"), "{answer:?}");

    std::fs::write(&file, "").unwrap();
    relay.0.wait_for_log("relay_authentication_key_unusable");
    std::fs::write(&file, own.to_text().as_bytes()).unwrap();
    eventually("the new key is used", || (relay.sign(&setup.key, &attestation(1)).status == 200).then_some(()));
    check(&format!("the relay signs requests with {}", own.public_key().hash()));
}
