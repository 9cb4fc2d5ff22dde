//! An instance that has just started, with transient errors during its first request.

use crate::azure::cloud::{self, always, baker, ms, next};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
use crate::support::payloads::payload;
use crate::trouble::is_long;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Delay, Effect, Operation};
use std::time::{Duration, Instant};

/// Injects one fault once.
type GoesWrong = fn(&Azure);

const TRANSIENT: [(&str, GoesWrong); 6] = [
    ("identity 500", |azure| next(1, azure.identity.faults(), Operation::Token, Effect::status(500))),
    ("account read 503", |azure| next(1, azure.cosmos.faults(), Operation::Account, Effect::status(503))),
    ("container metadata 503", |azure| next(1, azure.cosmos.faults(), Operation::Metadata, Effect::status(503))),
    ("container metadata 429", |azure| next(1, azure.cosmos.faults(), Operation::Metadata, Effect::status(429))),
    ("key list 500", |azure| next(1, azure.key_vault.faults(), Operation::ListKeys, Effect::status(500))),
    ("key read 500", |azure| next(1, azure.key_vault.faults(), Operation::GetKey, Effect::status(500))),
];

/// Delays of each kind of metadata, in milliseconds.
fn delays() -> Vec<(Operation, u64)> {
    let mut delays = vec![(Operation::Metadata, 1_050), (Operation::Account, 3_000)];
    if is_long() {
        delays.push((Operation::Metadata, 3_000));
    }
    delays
}

/// Metadata that takes longer than any single attempt: the instance still becomes ready, and signs.
#[test]
fn cold_start_with_slow_metadata_becomes_ready() {
    for (on, delay) in delays() {
        let azure = cloud::start();
        let key = baker(&azure);
        always(azure.cosmos.faults(), on, Effect::Delay(Delay::Fixed(ms(delay))));
        let signer = Instance::start(&azure, &[]);
        let start = Instant::now();
        signer.wait_until_ready();
        println!("{on:?} taking {delay} ms: ready after {:.1?}", start.elapsed());
        let vote = payload(Kind::Attestation, 7, 0, 0);
        key.verify(&vote, &signer.sign(&key.hash, &vote).signature());
    }
}

/// A lost answer to a metadata request costs no more than its timeout.
#[test]
fn cold_start_with_a_lost_answer_signs_the_first_request() {
    for on in [Operation::Metadata, Operation::Account] {
        let azure = cloud::start();
        let key = baker(&azure);
        next(1, azure.cosmos.faults(), on, Effect::Hang);
        let signer = Instance::start(&azure, &[]);
        let vote = payload(Kind::Attestation, 7, 0, 0);
        key.verify(&vote, &signer.sign(&key.hash, &vote).signature());
    }
}

/// Requests that hang are never answered, so others must follow them.
#[test]
fn cold_start_signs_soon_after_the_account_has_stopped_hanging() {
    let azure = cloud::start();
    let key = baker(&azure);
    azure.cosmos.reset_requests();
    always(azure.cosmos.faults(), Operation::Account, Effect::Hang);
    let signer = Instance::start(&azure, &[]);
    // Two for the first attempt, and one for each of the following.
    eventually("three attempts to connect", || (azure.cosmos.requests(Operation::Account) >= 4).then_some(()));
    azure.cosmos.faults().clear();
    let vote = payload(Kind::Attestation, 7, 0, 0);
    key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
}

/// The service's error reaches the client, but only at the deadline, since the role may have just been assigned.
#[test]
fn cold_start_without_a_role_fails_with_the_error_of_the_service() {
    for (status, words) in [(403, "The request is forbidden"), (401, "token can't serve the request")] {
        let azure = cloud::start();
        let key = baker(&azure);
        always(azure.cosmos.faults(), Operation::Account, Effect::status(status));
        let signer = Instance::start(&azure, &[]);
        let vote = payload(Kind::Attestation, 7, 0, 0);
        let answer = signer.sign(&key.hash, &vote);
        let error = answer.error();
        assert_eq!(answer.status, 500);
        assert!(error.contains(&status.to_string()) && error.contains(words), "{error}");
        assert!(!error.contains("localhost"), "{error}");
        azure.cosmos.faults().clear();
        key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
    }
}

/// The first request is signed even if one call during startup fails.
#[test]
fn cold_start_with_one_transient_error_signs_the_first_request() {
    let rounds = if is_long() { 20 } else { 1 };
    for (name, goes_wrong) in TRANSIENT {
        let mut times: Vec<Duration> = (0..rounds).map(|_| first_request(name, goes_wrong)).collect();
        times.sort();
        println!("{name}: first signature after {:?} (median of {rounds})", times[times.len() / 2]);
    }
}

fn first_request(name: &str, goes_wrong: GoesWrong) -> Duration {
    let azure = cloud::start();
    let key = baker(&azure);
    goes_wrong(&azure);
    let signer = Instance::start(&azure, &[]);
    let vote = payload(Kind::Attestation, 7, 0, 0);
    let start = Instant::now();
    let answer = signer.sign(&key.hash, &vote);
    assert_eq!(answer.status, 200, "{name}: {answer:?}");
    key.verify(&vote, &answer.signature());
    start.elapsed()
}
