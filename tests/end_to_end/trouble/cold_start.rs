//! An instance that has only just started, and whose first request meets a transient error.

use crate::azure::cloud::{self, always, baker, ms, next};
use crate::azure::instance::Instance;
use crate::support::payloads::payload;
use crate::trouble::is_long;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Delay, Effect, Operation};
use std::time::{Duration, Instant};

/// Lets one thing go wrong once.
type GoesWrong = fn(&Azure);

const TRANSIENT: [(&str, GoesWrong); 6] = [
    ("identity 500", |azure| next(1, azure.identity.faults(), Operation::Token, Effect::status(500))),
    ("account read 503", |azure| next(1, azure.cosmos.faults(), Operation::Account, Effect::status(503))),
    ("container metadata 503", |azure| next(1, azure.cosmos.faults(), Operation::Metadata, Effect::status(503))),
    ("container metadata 429", |azure| next(1, azure.cosmos.faults(), Operation::Metadata, Effect::status(429))),
    ("key list 500", |azure| next(1, azure.key_vault.faults(), Operation::ListKeys, Effect::status(500))),
    ("key read 500", |azure| next(1, azure.key_vault.faults(), Operation::GetKey, Effect::status(500))),
];

/// How long which metadata takes, in milliseconds.
fn delays() -> Vec<(Operation, u64)> {
    let mut delays = vec![(Operation::Metadata, 1_050), (Operation::Account, 3_000)];
    if is_long() {
        delays.push((Operation::Metadata, 3_000));
    }
    delays
}

/// Metadata that takes longer than any single try of a request: the instance gets ready all the same, and signs.
#[test]
fn cold_start_with_slow_metadata_gets_ready() {
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

/// One lost answer of the metadata costs no more than the patience with it.
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

/// What the service said reaches the client, at the deadline and not before: a role may have been given just now.
#[test]
fn cold_start_without_a_role_fails_with_the_words_of_the_service() {
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

/// The first request after the start is signed, although one call of the start failed.
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
