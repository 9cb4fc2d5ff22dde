//! tz4 keys in memory, as sealed keys are: signing, the pairing that verifies, opening, and how long votes and blocks take with a store of
//! fixed latency. Signing and verifying should cost a vote nothing while its mark is being written, and never occupy an async thread.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

#[path = "../tests/support/payloads.rs"]
#[allow(dead_code, reason = "not all payloads are measured")]
mod payloads;

#[path = "../tests/support/marks.rs"]
#[allow(dead_code, reason = "no faults here")]
mod marks;

use azurehsm_signer::marks::{AttemptId, Ledger, Mark, MarkId, MarkStore};
use azurehsm_signer::signer::{AuthorizedKeys, HeadRule, KeyRing, Policy, SignRequest, Signer, WhenHeadUnknown};
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};
use azurehsm_signer::tezos::{BlsScheme, Curve, PublicKeyHash, SecretKey, SignatureVersion};
use azurehsm_signer::vault::EmbeddedVault;
use azurehsm_signer::vault::embedded::KeyFile;
use azurehsm_signer::vault::sealed::{RecoveryKey, SealedKey};
use serde_json::Value;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

const ROUNDS: usize = 400;

fn main() {
    operations();
    println!();
    latencies();
    println!();
    occupied();
}

/// What a key costs by itself.
fn operations() {
    println!("{:<44} {:>9} {:>9}", "a tz4 key", "p50 ms", "p99 ms");
    let secret = SecretKey::generate(Curve::Bls).unwrap();
    let (payload, scheme) = (payloads::bls_attestation(1, 0, 0), BlsScheme::default());
    let signature = secret.sign(&payload, scheme).unwrap();
    print_line("sign", &measured(|| drop(black_box(secret.sign(&payload, scheme)))));
    let verify = || secret.public_key().verify(&payload, scheme, &signature).unwrap();
    print_line("verify (pairing)", &measured(verify));

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/sealed/vectors.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let sealed = SealedKey::from_json(vectors["vectors"][0]["sealed"].to_string().as_bytes()).unwrap();
    let recovery_key = RecoveryKey::from_pem(vectors["keys"]["safe"]["private_key"].as_str().unwrap()).unwrap();
    let data_key = recovery_key.unwrap_data_key(&sealed).unwrap();
    print_line("open with an unwrapped data key", &measured(|| drop(black_box(sealed.open(&data_key).unwrap()))));
    let secret = sealed.open(&data_key).unwrap();
    print_line("try it: sign and verify", &measured(|| sealed.try_signing(&secret).unwrap()));
}

/// Votes and blocks, one at a time, by the latency of the store.
fn latencies() {
    println!(
        "{:<12} {:>14} {:>12} {:>9} {:>12} {:>9}  (p50, ms)",
        "store takes", "a write alone", "a vote", "target", "a block", "target"
    );
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    for latency in [0, 1, 2, 5, 10, 20].map(Duration::from_millis) {
        let signer = Setup::new(&runtime, latency);
        let write = p50(signer.writes(&runtime));
        let vote = p50(signer.requests(&runtime, |level| payloads::bls_attestation(level, 0, 0)));
        let block = p50(signer.requests(&runtime, |level| payloads::block(level, 0, 0)));
        println!(
            "{:<12} {:>14.2} {:>12.2} {:>9.2} {:>12.2} {:>9.2}",
            format!("{} ms", latency.as_millis()),
            write,
            vote,
            write.max(1.8) + 0.3,
            block,
            write + 2.3
        );
    }
}

/// How much a vote occupies the only async thread. Signing and verifying on it would show: they take more than a millisecond.
fn occupied() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let signer = Setup::new(&runtime, Duration::from_millis(2));
    let cpu_time = || runtime.block_on(runtime.spawn(async { cpu_time_of_thread() })).unwrap();
    let before = cpu_time();
    let votes = signer.requests(&runtime, |level| payloads::bls_attestation(level, 0, 0)).len();
    let per_vote = cpu_time().saturating_sub(before) / u32::try_from(votes).unwrap();
    println!("CPU time of the async thread: {:.2} ms per vote", per_vote.as_secs_f64() * 1e3);
}

/// As Linux counts it.
fn cpu_time_of_thread() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(statistics.split_whitespace().next().unwrap().parse().unwrap())
}

/// A signer with one tz4 key, whose signatures are made as those of sealed keys, and a store with a fixed latency.
struct Setup {
    signer: Arc<Signer>,
    store: Arc<marks::MemoryMarks>,
    key: PublicKeyHash,
    _folder: tempfile::TempDir,
}

impl Setup {
    fn new(runtime: &Runtime, latency: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = SecretKey::generate(Curve::Bls).unwrap();
        let key = secret.public_key().hash();
        let file = KeyFile::open(folder.path(), None).unwrap();
        file.add("baker".parse().unwrap(), secret).unwrap();
        let vault = Arc::new(EmbeddedVault::open(file).unwrap());
        let store = Arc::new(marks::MemoryMarks::with_delay(latency));
        let signer = Signer::new(
            KeyRing::new(vault, Duration::ZERO),
            Ledger::new(Arc::clone(&store) as Arc<dyn MarkStore>, "bench"),
            Policy::default(),
            HeadRule { watch: None, when_unknown: WhenHeadUnknown::Fail, jump_limit: 100_000 },
            AuthorizedKeys::default(),
        );
        runtime.block_on(signer.refresh_keys()).unwrap();
        Self { signer: Arc::new(signer), store, key, _folder: folder }
    }

    /// Signs one payload after the other, in a task, as connections do.
    fn requests(&self, runtime: &Runtime, payload: fn(u32) -> Vec<u8>) -> Vec<Duration> {
        let (signer, key) = (Arc::clone(&self.signer), self.key);
        let run = async move {
            let mut took = Vec::new();
            for level in 1..=u32::try_from(ROUNDS).unwrap() {
                let start = Instant::now();
                let request = SignRequest {
                    key,
                    payload: payload(level),
                    version: SignatureVersion::default(),
                    authentication: None,
                    deadline: tokio::time::Instant::now() + Duration::from_secs(4),
                    invocation: None,
                    parent: None,
                };
                signer.sign(&request).await.unwrap();
                took.push(start.elapsed());
            }
            took
        };
        runtime.block_on(runtime.spawn(run)).unwrap()
    }

    /// Writes marks that no request uses.
    fn writes(&self, runtime: &Runtime) -> Vec<Duration> {
        let store = Arc::clone(&self.store);
        let position = Position { level: NonNegative::ZERO, round: NonNegative::ZERO };
        let mark = Mark::new(position, None, None, AttemptId::random().unwrap(), None);
        let id = MarkId { chain: payloads::MAINNET.parse().unwrap(), key: self.key, kind: Kind::Preattestation };
        let run = async move {
            let (mut took, mut version) = (Vec::new(), None);
            for _ in 0..ROUNDS {
                let start = Instant::now();
                let deadline = tokio::time::Instant::now() + Duration::from_secs(4);
                version = Some(store.write(&id, &mark, version.as_ref(), deadline).await.unwrap());
                took.push(start.elapsed());
            }
            took
        };
        runtime.block_on(runtime.spawn(run)).unwrap()
    }
}

fn measured(mut work: impl FnMut()) -> Vec<Duration> {
    let mut took: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    took
}

fn p50(mut took: Vec<Duration>) -> f64 {
    took.sort_unstable();
    at(&took, 50)
}

/// In milliseconds.
fn at(sorted: &[Duration], percent: usize) -> f64 {
    sorted[sorted.len() * percent / 100].as_secs_f64() * 1e3
}

fn print_line(name: &str, took: &[Duration]) {
    println!("{name:<44} {:>9.2} {:>9.2}", at(took, 50), at(took, 99));
}
