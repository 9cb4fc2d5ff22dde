//! A stop while four instances sign at full rate: one of them is suspended during the stop, and one creates its first marks.

use super::{SHORT, done};
use crate::azure::cloud::{self, baker, wait};
use crate::azure::instance::Instance;
use crate::support::http;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::Digest;
use azurehsm_signer::tezos::payload::Kind;
use oracle::crypto::Curve;
use oracle::payload::consensus::{self, Vote};
use serde_json::Value;
use stand_ins::{CosmosOptions, Options};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A signature that has left.
struct Released {
    digest: String,
    sent: Instant,
}

/// Requests signatures of what `next` returns, one after the other, until `ends` is set.
fn bake(
    address: SocketAddr,
    key: String,
    ends: &Arc<AtomicBool>,
    next: impl Fn(u32) -> Vec<u8> + Send + 'static,
) -> JoinHandle<Vec<Released>> {
    let ends = Arc::clone(ends);
    thread::spawn(move || {
        let mut released = Vec::new();
        for number in 0.. {
            if ends.load(Ordering::Relaxed) {
                break;
            }
            let (payload, sent) = (next(number), Instant::now());
            if http::sign(address, &key, &payload).is_ok_and(|answer| answer.status == 200) {
                released.push(Released { digest: Digest::of(&payload).to_string(), sent });
            }
        }
        released
    })
}

#[test]
fn every_signature_that_leaves_after_the_stop_has_a_mark_from_before_it() {
    let cosmos = CosmosOptions { keeps_history: true, ..CosmosOptions::default() };
    let azure = cloud::start_with(Options { cosmos, ..Options::default() });
    let key = baker(&azure);
    let signers = [(); 4].map(|()| Instance::start_ready(&azure, &SHORT));
    let (ends, level) = (Arc::<AtomicBool>::default(), Arc::new(AtomicU32::new(1)));
    let mut bakers = Vec::new();
    for signer in &signers[..3] {
        for kind in Kind::ALL {
            let level = Arc::clone(&level);
            let next = move |_| payload(kind, level.fetch_add(1, Ordering::Relaxed), 0, 0);
            bakers.push(bake(signer.address, key.hash.clone(), &ends, next));
        }
    }
    thread::sleep(Duration::from_millis(500));
    // A new chain each time, so a new mark: not more than a process accepts.
    let first_marks = |number: u32| {
        thread::sleep(Duration::from_millis(60));
        let chain = [0x80, 0, 0, u8::try_from(number % 60).unwrap()];
        Vote { chain, ..Vote::new(consensus::Kind::Attestation, Curve::P256, 7, 0) }.bytes()
    };
    bakers.push(bake(signers[3].address, key.hash.clone(), &ends, first_marks));
    thread::sleep(Duration::from_millis(500));
    signers[0].signal("STOP");
    azure.cosmos.allow_query(true);
    done(&azure, &["stop", &key.hash, "--reason", "under load"]);
    let stopped = Instant::now();
    signers[0].signal("CONT");
    thread::sleep(Duration::from_millis(1_500));
    ends.store(true, Ordering::Relaxed);
    let released: Vec<_> = bakers.into_iter().flat_map(|baker| baker.join().unwrap()).collect();

    let mut marked = HashMap::new();
    for item in wait(azure.cosmos.history()) {
        let mark: Value = serde_json::from_slice(&item.body).unwrap();
        if let Some(digest) = mark["digest"].as_str() {
            marked.entry(digest.to_owned()).or_insert(item.at);
        }
    }
    assert!(released.len() > 50, "{} signatures", released.len());
    let late = released.iter().filter(|it| it.sent > stopped).count();
    assert_eq!(late, 0, "signatures of requests that were sent after the stop, of {}", released.len());
    for Released { digest, .. } in &released {
        assert!(marked.get(digest).is_some_and(|at| *at < stopped), "no mark from before the stop: {digest}");
    }
    for signer in &signers {
        let answer = signer.sign(&key.hash, &payload(Kind::Block, 1_000_000, 0, 0));
        assert_eq!(answer.status, 409, "{answer:?}");
    }
}
