//! The connections to an upstream: how many, which protocol, and what happens when they die.

use super::front::{Effect, Front};
use super::setup::{Relay, Setup, attestation, sign};
use crate::support::eventually::eventually;
use crate::support::payloads;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::Protocols;

/// A front with these protocols, and a relay that has opened its connections.
fn start(protocols: Protocols, settings: &[(&str, &str)]) -> (Setup, Front, Relay) {
    let setup = Setup::start();
    let front = Front::start_with(setup.signer.address, protocols);
    let relay = setup.relay(&[&front], settings);
    relay.wait_until_ready();
    relay.sign(&setup.key, &attestation(1)).signature();
    let is_probed = || front.seen().iter().any(|seen| !seen.headers.contains_key("x-functions-key"));
    eventually("two connections are open", || (front.server.connections() == 2 && is_probed()).then_some(()));
    (setup, front, relay)
}

#[test]
fn simultaneous_requests_share_connections_with_http2_and_open_more_without() {
    for (protocols, is_http2, connections) in [(Protocols::Http2, true, 2), (Protocols::Http1, false, 3)] {
        let (setup, front, relay) = start(protocols, &[]);
        front.next([Effect::Held, Effect::Held, Effect::Held]);
        let (address, key) = (relay.address(), setup.key.as_str());
        std::thread::scope(|scope| {
            for kind in [Kind::Block, Kind::Preattestation, Kind::Attestation] {
                scope.spawn(move || sign(address, key, &payloads::payload(kind, 2, 0, 1)).signature());
            }
            eventually("all have arrived", || (front.signing_requests() == 4).then_some(()));
            front.release();
        });
        assert!(front.seen().iter().all(|seen| seen.is_http2 == is_http2), "{:?}", front.seen());
        assert_eq!(front.server.connections(), connections, "{protocols:?}");
    }
}

#[test]
fn pings_find_dead_http2_connections_before_the_next_vote() {
    let (setup, front, relay) = start(Protocols::Http2, &[]);
    front.server.freeze_connections();
    eventually("they are replaced", || (front.server.connections() == 4).then_some(()));
    relay.sign(&setup.key, &attestation(2)).signature();
    assert_eq!(front.signing_requests(), 2, "no hedge was needed");
}

#[test]
fn a_hedge_goes_over_a_new_connection_if_the_open_ones_are_dead() {
    // The first request's own replacement would come after twice the hedging time, which is too late.
    let settings = [("RELAY_HEDGE_MS", "4000"), ("RELAY_DEADLINE_MS", "7500")];
    let (setup, front, relay) = start(Protocols::Http1, &settings);
    front.server.freeze_connections();
    relay.sign(&setup.key, &attestation(2)).signature();
    let posts = front.posts();
    assert!(posts.len() == 2 && posts[1].connection > 2, "{posts:?}");
}

#[test]
fn a_server_that_ends_its_connections_loses_no_vote() {
    for protocols in [Protocols::Http2, Protocols::Http1] {
        let (setup, front, relay) = start(protocols, &[]);
        for level in 2..=11 {
            front.server.retire_connections();
            relay.sign(&setup.key, &attestation(level)).signature();
        }
        front.next([Effect::Held]);
        let (address, key) = (relay.address(), setup.key.as_str());
        std::thread::scope(|scope| {
            let request = scope.spawn(move || sign(address, key, &attestation(12)));
            eventually("the request arrives", || (front.signing_requests() == 12).then_some(()));
            front.server.retire_connections();
            front.release();
            request.join().unwrap().signature();
        });
        assert_eq!(front.signing_requests(), 12, "{protocols:?}: each vote was requested once");
    }
}
