//! Invariant 7: every signature, verified by a library that neither the signer nor the stand-ins use.

use super::request::Request;
use super::{Invariant, Violation};
use crate::history::{Answer, History};
use crate::keys::PublicKey;
use crrl::{p256, secp256k1};
use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

const SPSIG: [u8; 5] = [0x0d, 0x73, 0x65, 0x13, 0x3f];
const P2SIG: [u8; 4] = [0x36, 0xf0, 0x2c, 0x34];

/// Half of the order of secp256k1's group, rounded down: a low s is not above it.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// A public key that verifies.
enum Verifier {
    P256(p256::PublicKey),
    Secp256k1(secp256k1::PublicKey),
}

pub(super) fn violations(history: &History, requests: &[Request<'_>]) -> Vec<Violation> {
    let verifiers: HashMap<&Arc<str>, Verifier> =
        history.keys.iter().filter_map(|(address, key)| Some((address, Verifier::new(key)?))).collect();
    let share = requests.len().div_ceil(thread::available_parallelism().map_or(1, usize::from)).max(1);
    thread::scope(|scope| {
        let verifiers = &verifiers;
        let threads: Vec<_> = requests
            .chunks(share)
            .map(|requests| {
                scope.spawn(|| requests.iter().filter_map(|request| violation(verifiers, request)).collect())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|_| vec![not_verified()])).collect()
    })
}

fn not_verified() -> Violation {
    let what = "the judge could not verify the signatures".to_owned();
    Violation { invariant: Invariant::SignaturesAreValid, slot: None, what }
}

fn violation(verifiers: &HashMap<&Arc<str>, Verifier>, request: &Request<'_>) -> Option<Violation> {
    let Answer::Signed(signature) = &request.asked.answer else { return None };
    let wrong = match verifiers.get(&request.asked.key) {
        Some(verifier) => verifier.wrong(&request.digest, signature)?,
        None => "there is no such key",
    };
    let what = format!("{signature} of {}: {wrong}", hex::encode(&request.asked.payload));
    Some(Violation { invariant: Invariant::SignaturesAreValid, slot: request.slot.clone(), what })
}

impl Verifier {
    fn new(key: &PublicKey) -> Option<Self> {
        Some(match key {
            PublicKey::P256(point) => Self::P256(p256::PublicKey::decode(point)?),
            PublicKey::Secp256k1(point) => Self::Secp256k1(secp256k1::PublicKey::decode(point)?),
        })
    }

    /// What is wrong with a signature, if anything is.
    fn wrong(&self, digest: &[u8; 32], signature: &str) -> Option<&'static str> {
        let Ok(bytes) = bs58::decode(signature).with_check(None).into_vec() else {
            return Some("it is not Base58Check");
        };
        let prefix = match self {
            Self::P256(_) => &P2SIG[..],
            Self::Secp256k1(_) => &SPSIG[..],
        };
        let Some(bytes) = bytes.strip_prefix(prefix).filter(|bytes| bytes.len() == 64) else {
            return Some("it is not one of the key's curve");
        };
        let is_right = match self {
            Self::P256(key) => key.verify_hash(bytes, digest),
            Self::Secp256k1(key) => {
                if bytes.get(32..).is_none_or(|s| s > &HALF_ORDER[..]) {
                    return Some("its s is in the high half");
                }
                key.verify_hash(bytes, digest)
            }
        };
        (!is_right).then_some("it does not verify")
    }
}
