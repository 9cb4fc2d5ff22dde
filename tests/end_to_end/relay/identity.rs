//! The mark store is pinned: two stores behind one relay would be two truths.

use super::front::Front;
use super::setup::{Relay, Setup, attestation};
use crate::support::eventually::eventually;

/// For requests that fail at their deadline.
const SHORT: [(&str, &str); 2] = [("RELAY_DEADLINE_MS", "1500"), ("RELAY_HEDGE_MS", "1000")];

#[test]
fn upstreams_with_different_stores_are_not_used_until_the_operator_names_one() {
    let (setup, other) = (Setup::start(), Setup::start());
    let (own, foreign) = (setup.front(), other.front());
    let relay = setup.relay(&[&own, &foreign], &SHORT);
    let line = relay.0.wait_for_log("relay_store_differs");
    assert!(line.contains("nothing is forwarded"), "{line}");
    let answer = relay.sign(&setup.key, &attestation(1));
    assert_eq!((answer.status, own.signing_requests() + foreign.signing_requests()), (500, 0), "{answer:?}");
    assert_eq!(relay.get("/health").status, 500);
    drop(relay);

    let store = crate::support::http::get(setup.signer.address, "/authorized_keys")
        .unwrap()
        .header("x-signer-store")
        .to_owned();
    let relay = setup.relay(&[&foreign, &own], &[("RELAY_STORE", &store)]);
    relay.0.wait_for_log("relay_store_differs");
    relay.wait_until_ready();
    relay.sign(&setup.key, &attestation(1)).signature();
    assert_eq!(own.signing_requests(), 1);
}

#[test]
fn the_pinned_store_is_kept_over_a_restart() {
    let (setup, other) = (Setup::start(), Setup::start());
    let (own, foreign) = (setup.front(), other.front());
    let relay = setup.relay(&[&own], &[]);
    relay.wait_until_ready();
    relay.sign(&setup.key, &attestation(1)).signature();
    drop(relay);
    // The address now leads to another signer, and only that one is up. Its answers to requests for its own key do not count either.
    let relay = restarted(&setup, &foreign);
    relay.0.wait_for_log("relay_store_differs");
    for key in [&setup.key, &other.key] {
        let answer = relay.sign(key, &attestation(2));
        assert_eq!(answer.status, 500, "{answer:?}");
    }
    drop(relay);
    // Not even a request that arrives before the relay has heard from it.
    for _ in 0..3 {
        assert_eq!(restarted(&setup, &foreign).sign(&setup.key, &attestation(2)).status, 500);
    }
    assert_eq!(foreign.signing_requests(), 0, "a signer with another store would sign what this one refuses");
    // Once the address leads to the right signer again, the next request is signed.
    let relay = restarted(&setup, &foreign);
    relay.0.wait_for_log("relay_store_differs");
    assert_eq!(relay.sign(&setup.key, &attestation(2)).status, 500);
    foreign.lead_to(setup.signer.address);
    relay.sign(&setup.key, &attestation(2)).signature();
}

#[test]
fn without_a_pinned_store_nothing_is_forwarded_while_only_some_upstreams_answer() {
    let (setup, other) = (Setup::start(), Setup::start());
    let (own, foreign) = (setup.front(), other.front());
    own.refuse(true);
    let relay = setup.relay(&[&own, &foreign], &SHORT);
    eventually("the other store is known", || {
        foreign.seen().iter().any(|seen| seen.headers.contains_key("x-functions-key")).then_some(())
    });
    let answer = relay.sign(&setup.key, &attestation(1));
    assert_eq!((answer.status, foreign.signing_requests()), (500, 0), "{answer:?}");
    // The relay notices by itself when both are right.
    own.refuse(false);
    foreign.lead_to(setup.signer.address);
    relay.wait_until_ready();
    relay.sign(&setup.key, &attestation(1)).signature();
}

fn restarted(setup: &Setup, front: &Front) -> Relay {
    setup.relay(&[front], &SHORT)
}
