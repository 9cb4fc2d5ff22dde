//! Copies of requests from a relay to an observer (`RELAY_OBSERVER`).

use super::OBSERVE;
use crate::relay::front::{Effect, Front, KEY};
use crate::relay::setup::{Relay, Setup, attestation, trust, verify};
use crate::support::eventually::eventually;
use crate::support::process::Signer;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A signer with the same keys and a store of its own.
fn with_keys_of(setup: &Setup, settings: &[(&str, &str)]) -> (TempDir, Signer) {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(setup.folder.path().join("keys.json"), folder.path().join("keys.json")).unwrap();
    let signer = Signer::start(folder.path(), settings);
    (folder, signer)
}

/// A relay before the signer, with copies to what is behind the second front, which requires a function key of its own.
fn relay(setup: &Setup, front: &Front, observer: &Front) -> Relay {
    const KEY_OF_OBSERVER: &str = "functionkeyoftheobserver";
    observer.require_key(KEY_OF_OBSERVER);
    let trusted = trust(setup.folder.path(), &[front, observer]);
    let keys = setup.folder.path().join("function-keys");
    fs::write(&keys, format!("{KEY}\n{KEY_OF_OBSERVER}\n")).unwrap();
    let settings = [
        ("RELAY_OBSERVER", observer.url()),
        ("SSL_CERT_FILE", path(&trusted)),
        ("RELAY_FUNCTION_KEYS_FILE", path(&keys)),
    ];
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let relay = Relay::start_before(setup.folder.path(), &front.url(), &settings);
    relay.wait_until_ready();
    relay
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn public_key(setup: &Setup, relay: &Relay) -> String {
    relay.get(&format!("/keys/{}", setup.key)).json()["public_key"].as_str().unwrap().to_owned()
}

#[test]
fn the_observer_decides_on_every_request_and_the_baker_gets_the_signers_answers() {
    let setup = Setup::start();
    let (_folder, observer) = with_keys_of(&setup, &[OBSERVE]);
    let (front, before_observer) = (setup.front(), Front::start(observer.address));
    let relay = relay(&setup, &front, &before_observer);
    let key = public_key(&setup, &relay);
    for (level, verdict) in [(1, "signed"), (2, "signed"), (1, "refused"), (3, "signed")] {
        let answer = relay.sign(&setup.key, &attestation(level));
        match verdict {
            "signed" => verify(&key, &attestation(level), &answer),
            _ => assert_eq!(answer.status, 409, "{answer:?}"),
        }
        // Copies may overtake each other.
        let line: Value = serde_json::from_str(&observer.wait_for_log("\"observed\"")).unwrap();
        let fields = &line["fields"];
        assert_eq!((fields["level"].as_u64(), fields["verdict"].as_str()), (Some(level.into()), Some(verdict)));
    }
    let credentials = before_observer.posts();
    assert!(!credentials.is_empty());
    assert!(credentials.iter().all(|seen| seen.headers["x-functions-key"] != KEY), "{credentials:?}");
}

#[test]
fn an_observer_that_never_answers_costs_nothing_and_copies_beyond_the_queue_are_dropped() {
    const VOTES: u32 = 320;
    let setup = Setup::start();
    let (_folder, observer) = with_keys_of(&setup, &[OBSERVE]);
    let (front, before_observer) = (setup.front(), Front::start(observer.address));
    let relay = relay(&setup, &front, &before_observer);
    let key = public_key(&setup, &relay);
    verify(&key, &attestation(1), &relay.sign(&setup.key, &attestation(1)));
    observer.wait_for_log("\"observed\"");
    before_observer.always(Some(Effect::Silence));
    let start = Instant::now();
    for level in 2..=VOTES {
        verify(&key, &attestation(level), &relay.sign(&setup.key, &attestation(level)));
    }
    let each = start.elapsed() / VOTES;
    assert!(each < Duration::from_millis(500), "{each:?}: no request waits for a copy");
    relay.0.signal_termination();
    let figures = relay.0.wait_for_log("relay_observer_figures");
    let figures: Value = serde_json::from_str(&figures).unwrap();
    assert!(figures["fields"]["dropped"].as_u64().unwrap() > 0, "{figures}");
}

#[test]
fn a_signer_that_releases_signatures_gets_no_copies() {
    let setup = Setup::start();
    let (_folder, other) = with_keys_of(&setup, &[]);
    let (front, before_other) = (setup.front(), Front::start(other.address));
    before_other.refuse(true);
    let relay = relay(&setup, &front, &before_other);
    relay.0.wait_for_log("relay_observer_unavailable");
    before_other.refuse(false);
    relay.0.wait_for_log("relay_observer_signs");
    let key = public_key(&setup, &relay);
    verify(&key, &attestation(1), &relay.sign(&setup.key, &attestation(1)));
    let seen = before_other.seen().len();
    eventually("it is checked again", || (before_other.seen().len() > seen).then_some(()));
    assert_eq!(before_other.posts().len(), 0);
}

#[test]
fn an_observer_that_was_away_gets_copies_again() {
    let setup = Setup::start();
    let (_folder, observer) = with_keys_of(&setup, &[OBSERVE]);
    let (front, before_observer) = (setup.front(), Front::start(observer.address));
    before_observer.refuse(true);
    let relay = relay(&setup, &front, &before_observer);
    relay.0.wait_for_log("relay_observer_unavailable");
    let key = public_key(&setup, &relay);
    verify(&key, &attestation(1), &relay.sign(&setup.key, &attestation(1)));
    before_observer.refuse(false);
    relay.0.wait_for_log("relay_observer_recovered");
    verify(&key, &attestation(2), &relay.sign(&setup.key, &attestation(2)));
    observer.wait_for_log("\"level\":2");
}
