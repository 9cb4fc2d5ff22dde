//! A stop while four instances sign at full rate: one of them is suspended during the stop, and one creates its first marks.

use super::{SHORT, done};
use crate::azure::cloud::{self, baker, wait};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
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

/// What a baker has received so far.
#[derive(Default)]
struct Received {
    answers: AtomicU32,
    signatures: AtomicU32,
}

/// Bakers that request signatures, one after the other, until `ends` is set.
#[derive(Default)]
struct Bakers {
    ends: Arc<AtomicBool>,
    all: Vec<(Arc<Received>, JoinHandle<Vec<Released>>)>,
}

impl Bakers {
    /// Starts one that requests signatures of what `next` returns.
    fn start(&mut self, address: SocketAddr, key: String, next: impl Fn(u32) -> Vec<u8> + Send + 'static) {
        let (ends, received) = (Arc::clone(&self.ends), Arc::<Received>::default());
        let counted = Arc::clone(&received);
        let baker = thread::spawn(move || {
            let mut released = Vec::new();
            for number in 0.. {
                if ends.load(Ordering::Relaxed) {
                    break;
                }
                let (payload, sent) = (next(number), Instant::now());
                let Ok(answer) = http::sign(address, &key, &payload) else { continue };
                if answer.status == 200 {
                    counted.signatures.fetch_add(1, Ordering::Relaxed);
                    released.push(Released { digest: Digest::of(&payload).to_string(), sent });
                }
                counted.answers.fetch_add(1, Ordering::Relaxed);
            }
            released
        });
        self.all.push((received, baker));
    }

    /// Waits until each has received this many more.
    fn each_receives(&self, number: u32, of: impl Fn(&Received) -> &AtomicU32) {
        let counts: Vec<_> = self.all.iter().map(|(received, _)| of(received)).collect();
        let before: Vec<_> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        eventually("each baker receives something", || {
            let now = counts.iter().zip(&before).map(|(count, before)| count.load(Ordering::Relaxed) - before);
            now.into_iter().all(|more| more >= number).then_some(())
        });
    }

    /// All that was released.
    fn end(self) -> Vec<Released> {
        self.ends.store(true, Ordering::Relaxed);
        self.all.into_iter().flat_map(|(_, baker)| baker.join().unwrap()).collect()
    }
}

#[test]
fn every_signature_that_leaves_after_the_stop_has_a_mark_from_before_it() {
    let cosmos = CosmosOptions { keeps_history: true, ..CosmosOptions::default() };
    let azure = cloud::start_with(Options { cosmos, ..Options::default() });
    let key = baker(&azure);
    let signers = [(); 4].map(|()| Instance::start_ready(&azure, &SHORT));
    let level = Arc::new(AtomicU32::new(1));
    let mut bakers = Bakers::default();
    for signer in &signers[..3] {
        for kind in Kind::ALL {
            let level = Arc::clone(&level);
            let next = move |_| payload(kind, level.fetch_add(1, Ordering::Relaxed), 0, 0);
            bakers.start(signer.address, key.hash.clone(), next);
        }
    }
    // A new chain each time, so a new mark: not more than a process accepts.
    let first_marks = |number: u32| {
        thread::sleep(Duration::from_millis(60));
        let chain = [0x80, 0, 0, u8::try_from(number % 60).unwrap()];
        Vote { chain, ..Vote::new(consensus::Kind::Attestation, Curve::P256, 7, 0) }.bytes()
    };
    bakers.start(signers[3].address, key.hash.clone(), first_marks);
    bakers.each_receives(3, |received| &received.signatures);
    signers[0].signal("STOP");
    azure.cosmos.allow_query(true);
    done(&azure, &["stop", &key.hash, "--reason", "under load"]);
    let stopped = Instant::now();
    signers[0].signal("CONT");
    bakers.each_receives(3, |received| &received.answers);
    let released = bakers.end();

    let mut marked = HashMap::new();
    for item in wait(azure.cosmos.history()) {
        let mark: Value = serde_json::from_slice(&item.body).unwrap();
        if let Some(digest) = mark["digest"].as_str() {
            marked.entry(digest.to_owned()).or_insert(item.at);
        }
    }
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
