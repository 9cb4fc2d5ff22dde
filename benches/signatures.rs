//! Signatures of each curve: signing as in the embedded vault, and verification as before every release.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

use azurehsm_signer::tezos::{BlsScheme, Curve, SecretKey};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn signatures(criterion: &mut Criterion) {
    let payload = [0x13; 80];
    let scheme = BlsScheme::default();
    for curve in Curve::ALL {
        let secret = SecretKey::generate(curve).unwrap();
        let signature = secret.sign(&payload, scheme).unwrap();
        criterion.bench_function(&format!("sign with {curve}"), |bencher| {
            bencher.iter(|| secret.sign(black_box(&payload), scheme));
        });
        criterion.bench_function(&format!("verify {curve}"), |bencher| {
            bencher.iter(|| secret.public_key().verify(black_box(&payload), scheme, black_box(&signature)));
        });
    }
}

criterion_group!(benches, signatures);
criterion_main!(benches);
