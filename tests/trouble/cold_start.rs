//! An instance that has only just started, and whose first request meets a transient error.

use crate::cloud::{self, baker, next};
use crate::instance::Instance;
use crate::is_long;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Effect, Operation};
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
