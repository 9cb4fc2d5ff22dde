//! Decoding payloads, and the rule.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

#[path = "../tests/support/payloads.rs"]
#[allow(dead_code, reason = "not all payloads are measured")]
mod payloads;

use azurehsm_signer::marks::{AttemptId, Mark, MarkId, Request, decide};
use azurehsm_signer::tezos::payload::{Kind, Payload};
use azurehsm_signer::tezos::{Curve, Digest};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn decoding(criterion: &mut Criterion) {
    let batch = [payloads::transfer(1, 1), payloads::transfer(1, 1)[33..].repeat(9)].concat();
    for (name, payload, curve) in [
        ("decode a vote", payloads::payload(Kind::Attestation, 1331, 0, 0), Curve::P256),
        ("decode a vote of a tz4 key", payloads::bls_attestation(1331, 0, 0), Curve::Bls),
        ("decode a block", payloads::block(1331, 0, 0), Curve::P256),
        ("decode a batch of ten transfers", batch, Curve::P256),
    ] {
        Payload::decode(&payload, curve).unwrap();
        criterion.bench_function(name, |bencher| bencher.iter(|| Payload::decode(black_box(&payload), curve)));
    }
    let vote = payloads::payload(Kind::Attestation, 1331, 0, 0);
    criterion.bench_function("digest of a vote", |bencher| bencher.iter(|| Digest::of(black_box(&vote))));
}

fn rule(criterion: &mut Criterion) {
    let consensus = |level| {
        let vote = payloads::payload(Kind::Attestation, level, 0, 0);
        Payload::decode(&vote, Curve::P256).unwrap().consensus().unwrap()
    };
    let digest = Digest::from_bytes([1; 32]);
    let position = consensus(1331).position;
    let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
    let id = MarkId { chain: payloads::MAINNET.parse().unwrap(), key, kind: Kind::Attestation };
    let mark = Mark::new(position, Some(digest), None, AttemptId::random().unwrap(), None);
    let request = Request {
        id,
        position: consensus(1332).position,
        digest,
        jump_limit: Some(100_000),
        max_level: None,
        requester: None,
    };
    criterion
        .bench_function("the rule", |bencher| bencher.iter(|| decide(black_box(Some(&mark)), black_box(&request))));
}

criterion_group!(benches, decoding, rule);
criterion_main!(benches);
