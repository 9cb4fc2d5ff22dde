//! The signer's own work on a request: everything but vault, store and network. A vote arrives as an HTTP request and is
//! answered; the vault returns precomputed signatures, and the store is a map in memory. Verifying the signature is included.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

#[path = "../tests/support/payloads.rs"]
#[allow(dead_code, reason = "not all payloads are measured")]
mod payloads;

#[path = "../tests/support/marks.rs"]
#[allow(dead_code, reason = "no faults here")]
mod marks;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use azurehsm_signer::marks::Ledger;
use azurehsm_signer::server::{ServerSettings, router};
use azurehsm_signer::signer::{AuthorizedKeys, HeadRule, KeyRing, Policy, Signer, WhenHeadUnknown};
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{BlsPublicKey, BlsScheme, Curve, SecretKey, Signature};
use azurehsm_signer::vault::{FoundKeys, Key, Vault, VaultError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tower::ServiceExt;

const REQUESTS: u32 = 20_000;
const WARM_UP: u32 = 2_000;

/// Returns the precomputed signature for the payload's level.
struct Precomputed {
    key: Key,
    signatures: Vec<Signature>,
}

#[async_trait]
impl Vault for Precomputed {
    async fn keys(&self) -> Result<FoundKeys, VaultError> {
        Ok(FoundKeys { usable: vec![self.key.clone()], unread: None, ..FoundKeys::default() })
    }

    async fn sign(&self, _: &Key, payload: &[u8], _: BlsScheme) -> Result<Signature, VaultError> {
        let at = if self.key.curve() == Curve::Bls { 38 } else { 40 };
        let level = u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        Ok(self.signatures[usize::try_from(level).unwrap()])
    }

    async fn prove_possession(&self, _: &Key, _: Option<&BlsPublicKey>) -> Result<Signature, VaultError> {
        Err(VaultError::unable("not measured".to_owned()))
    }
}

fn vote(curve: Curve, level: u32) -> Vec<u8> {
    match curve {
        Curve::Bls => payloads::bls_attestation(level, 0, 0),
        _ => payloads::payload(Kind::Attestation, level, 0, 0),
    }
}

fn server(curve: Curve, requests: u32) -> (Router, String) {
    let secret = SecretKey::generate(curve).unwrap();
    let key = Key::new("baker".to_owned(), secret.public_key().clone());
    let path = format!("/keys/{}?version=3", key.hash);
    let signatures =
        (0..requests).map(|level| secret.sign(&vote(curve, level), BlsScheme::default()).unwrap()).collect();
    let vault = Arc::new(Precomputed { key, signatures });
    let signer = Signer::new(
        KeyRing::new(vault, Duration::ZERO),
        Ledger::new(Arc::new(marks::MemoryMarks::default()), "bench"),
        Policy::default(),
        HeadRule { watch: None, when_unknown: WhenHeadUnknown::Fail, jump_limit: 100_000 },
        AuthorizedKeys::default(),
    );
    let settings = ServerSettings {
        deadline: Duration::from_secs(4),
        list_known_keys: false,
        is_under_functions_host: false,
        client_certificates: None,
    };
    (router(Arc::new(signer), settings), path)
}

async fn measure(curve: Curve, requests: u32) -> Vec<Duration> {
    let (router, path) = server(curve, requests);
    let mut took = Vec::new();
    for level in 0..requests {
        let body = format!("\"{}\"\n", hex::encode(vote(curve, level)));
        let request = Request::post(&path).body(Body::from(body)).unwrap();
        let router = router.clone();
        let start = Instant::now();
        let answer = router.oneshot(request).await.unwrap();
        took.push(start.elapsed());
        assert_eq!(answer.status(), StatusCode::OK);
    }
    took.split_off(usize::try_from(WARM_UP.min(requests / 10)).unwrap())
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("the signer's own work on a vote, including verification");
    println!("{:<10} {:>9} {:>9} {:>9}", "curve", "p50 µs", "p99 µs", "votes");
    for curve in Curve::ALL {
        let requests = if curve == Curve::Bls { REQUESTS / 10 } else { REQUESTS };
        // In a task, as connections are, not in the thread that started the runtime.
        let mut took = runtime.block_on(runtime.spawn(measure(curve, requests))).unwrap();
        took.sort();
        let at = |percent: usize| took[took.len() * percent / 100].as_secs_f64() * 1e6;
        println!("{:<10} {:>9.1} {:>9.1} {:>9}", curve.name(), at(50), at(99), took.len());
    }
}
