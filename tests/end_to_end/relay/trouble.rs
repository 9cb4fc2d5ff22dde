//! Upstreams in trouble: late, broken, wrong, or of another mind.

use super::front::{Effect, Front};
use super::setup::{Relay, Setup, attestation, sign, verify};
use crate::support::eventually::eventually;
use crate::support::http::{self, Answer};
use stand_ins::Protocols;

/// Two fronts before one signer, so that both have the same store.
struct Two {
    setup: Setup,
    first: Front,
    second: Front,
    relay: Relay,
    public_key: String,
}

impl Two {
    fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_with(Protocols::Http2, settings)
    }

    fn start_with(protocols: Protocols, settings: &[(&str, &str)]) -> Self {
        let setup = Setup::start();
        let [first, second] = [(); 2].map(|()| Front::start_with(setup.signer.address, protocols));
        let relay = setup.relay(&[&first, &second], settings);
        relay.wait_until_ready();
        let public_key = relay.get(&format!("/keys/{}", setup.key)).json()["public_key"].as_str().unwrap().to_owned();
        Self { setup, first, second, relay, public_key }
    }

    fn sign(&self, level: u32) -> Answer {
        let answer = self.relay.sign(&self.setup.key, &attestation(level));
        if answer.status == 200 {
            verify(&self.public_key, &attestation(level), &answer);
        }
        answer
    }

    fn signing_requests(&self) -> (usize, usize) {
        (self.first.signing_requests(), self.second.signing_requests())
    }
}

#[test]
fn a_late_request_is_sent_to_the_next_upstream_too() {
    let two = Two::start(&[("RELAY_HEDGE_MS", "2000")]);
    two.sign(1).signature();
    assert_eq!(two.signing_requests(), (1, 0), "all is well");
    two.first.next([Effect::Held]);
    two.sign(2).signature();
    assert_eq!(two.signing_requests(), (2, 1));
}

#[test]
fn the_only_upstream_gets_a_late_request_once_more_over_another_connection() {
    let (setup, front, relay) = Setup::with_relay(&[("RELAY_HEDGE_MS", "2000")]);
    relay.sign(&setup.key, &attestation(1)).signature();
    front.next([Effect::Silence]);
    relay.sign(&setup.key, &attestation(2)).signature();
    let posts = front.posts();
    assert!(posts.len() == 3 && posts[1].connection != posts[2].connection, "{posts:?}");
}

#[test]
fn a_connection_that_breaks_before_the_answer_is_replaced_at_once() {
    for protocols in [Protocols::Http2, Protocols::Http1] {
        let two = Two::start_with(protocols, &[]);
        two.sign(1).signature();
        two.first.next([Effect::Broken]);
        two.sign(2).signature();
        assert_eq!(two.signing_requests(), (3, 0), "it was a reused connection of an upstream that is well");
        two.first.next([Effect::Broken, Effect::Broken]);
        two.sign(3).signature();
        assert_eq!(two.signing_requests(), (5, 1), "the replacement broke, too");
    }
}

#[test]
fn after_two_failures_in_a_row_the_other_upstream_goes_first() {
    let two = Two::start(&[]);
    two.sign(1).signature();
    two.first.refuse(true);
    for level in 2..=3 {
        two.sign(level).signature();
    }
    two.relay.0.wait_for_log("relay_upstream_failing");
    let before = two.signing_requests();
    two.first.refuse(false);
    for level in 4..=6 {
        two.sign(level).signature();
    }
    assert_eq!(two.signing_requests(), (before.0, before.1 + 3));
    // A read shows that it is well.
    two.relay.0.wait_for_log("relay_upstream_recovered");
    two.sign(7).signature();
    assert_eq!(two.signing_requests(), (before.0 + 1, before.1 + 3));
}

#[test]
fn below_the_mark_is_not_final_while_another_request_may_hold_the_signature() {
    let two = Two::start(&[("RELAY_HEDGE_MS", "2000")]);
    two.sign(10).signature();
    let below = two.sign(5);
    assert_eq!((below.status, below.header("x-signer-reason")), (409, "below_mark"));
    // The first signer has signed and its answer is late. Then another baker raises the mark, and the hedge is refused.
    two.first.next([Effect::AnswerHeld]);
    let (address, key) = (two.relay.address(), two.setup.key.as_str());
    std::thread::scope(|scope| {
        let request = scope.spawn(move || sign(address, key, &attestation(11)));
        eventually("the first signer has signed", || (two.first.answers_held() == 1).then_some(()));
        http::sign(two.setup.signer.address, key, &attestation(12)).unwrap().signature();
        eventually("the hedge is refused", || (two.second.answers_with("below_mark") == 1).then_some(()));
        // So much time for the relay to read it.
        two.sign(13).signature();
        assert!(!request.is_finished());
        two.first.release();
        verify(&two.public_key, &attestation(11), &request.join().unwrap());
    });
}

#[test]
fn a_wrong_signature_is_never_returned_and_its_upstream_not_used_again() {
    let two = Two::start(&[]);
    let old = two.sign(1).signature();
    // Valid, but over another payload: what a mixed-up cache would return.
    let mixed_up: fn(&mut Answer) = |answer| {
        let signature =
            "p2sigdkSrjoyjgvTwM1MdhkgbYAPGgRLMoowQZhwp4kQGkbKNTHN6KsPqUYEURLpHL9dUGZaM2GdTk3fTBYmDbaTSFPPqZYBc9";
        answer.body = format!("{{\"signature\": \"{signature}\"}}");
    };
    two.first.next([Effect::Changed(mixed_up)]);
    let answer = two.sign(2);
    assert_ne!(answer.signature(), old);
    assert_eq!(two.signing_requests(), (2, 1));
    two.relay.0.wait_for_log("relay_signature_wrong");
    two.first.next([Effect::Changed(mixed_up)]);
    two.second.next([Effect::Changed(mixed_up)]);
    let answer = two.sign(3);
    assert_eq!((answer.status, answer.error().contains("its signature is not one of")), (500, true), "{answer:?}");
}
