//! Tokens of the managed identity: renewed in the background, so that no request waits for one.
//!
//! These tests run a process, since the SDK reads the identity endpoint from the process's environment.

use crate::azure::cloud::{self, KnownKey, always, baker};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
use crate::support::http::Answer;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Effect, Operation, Options};
use std::time::{Duration, Instant};

/// Votes at one level after another.
struct Votes<'a> {
    signer: &'a Instance,
    key: &'a KnownKey,
    level: u32,
}

impl Votes<'_> {
    fn next(&mut self) -> (Answer, Duration) {
        self.level += 1;
        let start = Instant::now();
        let answer = self.signer.sign(&self.key.hash, &payload(Kind::Attestation, self.level, 0, 0));
        (answer, start.elapsed())
    }
}

/// Short enough to expire during a test.
const LIFE: Duration = Duration::from_secs(6);

/// The latency of a vote that waits for nothing, on a loaded machine.
const AT_ONCE: Duration = Duration::from_secs(1);

fn with_short_tokens() -> (Azure, KnownKey, Instance) {
    let azure = cloud::start_with(Options { token_life: LIFE, ..Options::default() });
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    (azure, key, signer)
}

#[test]
fn tokens_are_renewed_from_half_of_their_life_and_expired_ones_never_sent() {
    let (azure, key, signer) = with_short_tokens();
    let mut votes = Votes { signer: &signer, key: &key, level: 0 };
    let start = Instant::now();
    // Three tokens for each of the two services.
    eventually("two renewals", || {
        let (answer, took) = votes.next();
        answer.signature();
        assert!(took < AT_ONCE, "{took:?}");
        (azure.identity.requests(Operation::Token) >= 6).then_some(())
    });
    let half_lives = start.elapsed().div_duration_f64(LIFE / 2);
    assert!((1.0..3.5).contains(&half_lives), "two renewals in {half_lives} half lives");
    assert_eq!(azure.key_vault.requests(Operation::Unauthorized), 1, "only the initial challenge");
    assert_eq!(azure.cosmos.requests(Operation::Unauthorized), 0);
}

#[test]
fn while_the_identity_endpoint_fails_valid_tokens_are_used_and_expired_ones_fail_with_a_reason() {
    std::thread::scope(|scope| {
        for effect in [Effect::Hang, Effect::status(500)] {
            scope.spawn(move || identity_fails(effect));
        }
    });
}

fn identity_fails(effect: Effect) {
    let (azure, key, signer) = with_short_tokens();
    always(azure.identity.faults(), Operation::Token, effect);
    let mut votes = Votes { signer: &signer, key: &key, level: 0 };
    let failed = eventually("a failure after the tokens have expired", || {
        let (answer, took) = votes.next();
        if answer.status == 200 {
            assert!(took < AT_ONCE, "a request waited for a token: {took:?}");
            return None;
        }
        Some((answer, took))
    });
    assert_eq!(failed.0.status, 500, "{failed:?}");
    assert!(failed.1 < Duration::from_millis(4_000 + 1_500), "an answer by the deadline: {failed:?}");
    let error = failed.0.error();
    assert!(error.contains("the vault") || error.contains("mark store"), "{error}");
    assert!(signer.logged("\"event\":\"token_refresh_failed\"").contains("WARN"));
    assert!(votes.level > 10, "votes are signed while tokens are valid");

    azure.identity.faults().clear();
    votes.level += 1;
    let vote = payload(Kind::Attestation, votes.level, 0, 0);
    let recovering = Instant::now();
    key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
    assert!(recovering.elapsed() < Duration::from_secs(9), "{:?}", recovering.elapsed());
}

#[test]
fn the_first_request_does_not_wait_for_a_token_either() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    assert_eq!(azure.identity.requests(Operation::Token), 2, "one per service, before the first request");
    always(azure.identity.faults(), Operation::Token, Effect::Hang);
    let (answer, took) = Votes { signer: &signer, key: &key, level: 0 }.next();
    answer.signature();
    assert!(took < AT_ONCE, "{took:?}");
}
