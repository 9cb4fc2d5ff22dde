//! The stand-ins, for tests without a runtime, and keys whose private half the test has.

use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{Curve as TezosCurve, Digest, PublicKey};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use serde_json::Value;
use stand_ins::{Azure, Curve, Effect, Fault, Faults, KeyVersion, NewKey, Operation, Options, Times};
use std::time::Duration;

use crate::support::payloads::MAINNET;

/// Starts the stand-ins.
pub(crate) fn start() -> Azure {
    start_with(Options::default())
}

pub(crate) fn start_with(options: Options) -> Azure {
    wait(Azure::start_with(options))
}

/// Runs a future of the stand-ins to its end.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A key in the vault. The test computes its address and verifies its signatures independently.
pub(crate) struct KnownKey {
    pub(crate) id: KeyVersion,
    pub(crate) hash: String,
    verifier: Verifier,
}

enum Verifier {
    P256(p256::ecdsa::VerifyingKey),
    K256(k256::ecdsa::VerifyingKey),
}

/// Puts a key for baking into the vault.
pub(crate) fn baker(azure: &Azure) -> KnownKey {
    add(azure, NewKey::new("baker", Curve::P256), 1)
}

/// A key whose public key comes from the signer.
pub(crate) fn told_by(id: KeyVersion, public_key: &str) -> KnownKey {
    let key: PublicKey = public_key.parse().unwrap();
    let verifier = match key.curve() {
        TezosCurve::P256 => Verifier::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(key.as_bytes()).unwrap()),
        _ => Verifier::K256(k256::ecdsa::VerifyingKey::from_sec1_bytes(key.as_bytes()).unwrap()),
    };
    KnownKey { id, hash: key.hash().to_string(), verifier }
}

/// Puts a key into the vault; `number` is its private key.
pub(crate) fn add(azure: &Azure, key: NewKey, number: u8) -> KnownKey {
    let mut secret = [0; 32];
    secret[31] = number;
    let (curve, bytes, verifier) = match key.curve {
        Curve::P256 => {
            let key = *p256::ecdsa::SigningKey::from_slice(&secret).unwrap().verifying_key();
            (TezosCurve::P256, key.to_sec1_point(true).as_bytes().to_vec(), Verifier::P256(key))
        }
        Curve::P256K => {
            let key = *k256::ecdsa::SigningKey::from_slice(&secret).unwrap().verifying_key();
            (TezosCurve::Secp256k1, key.to_sec1_point(true).as_bytes().to_vec(), Verifier::K256(key))
        }
        other => panic!("{other:?} is not a Tezos curve"),
    };
    let hash = PublicKey::from_bytes(curve, &bytes).unwrap().hash().to_string();
    KnownKey { id: azure.key_vault.add_key(NewKey { private_key: Some(secret), ..key }), hash, verifier }
}

impl KnownKey {
    /// Verifies with `p256` and `k256`; the signer uses other libraries.
    pub(crate) fn verify(&self, payload: &[u8], signature: &str) {
        let (prefix, is_right) = {
            let bytes = bs58::decode(signature).with_check(None).into_vec().unwrap();
            let bytes = &bytes[bytes.len() - 64..];
            let digest = Digest::of(payload);
            match &self.verifier {
                Verifier::P256(key) => {
                    let signature = p256::ecdsa::Signature::from_slice(bytes).unwrap();
                    ("p2sig", key.verify_prehash(digest.as_bytes(), &signature).is_ok())
                }
                Verifier::K256(key) => {
                    let signature = k256::ecdsa::Signature::from_slice(bytes).unwrap();
                    let is_low = signature.normalize_s() == signature;
                    ("spsig1", is_low && key.verify_prehash(digest.as_bytes(), &signature).is_ok())
                }
            }
        };
        assert!(is_right && signature.starts_with(prefix), "{signature} by {}", self.hash);
    }

    /// The id of one of its marks.
    pub(crate) fn mark(&self, kind: Kind) -> String {
        format!("{MAINNET}:{}:{kind}", self.hash)
    }
}

/// A mark as stored in Cosmos DB.
pub(crate) fn stored(azure: &Azure, key: &KnownKey, kind: Kind) -> Option<Value> {
    wait(azure.cosmos.item(&key.hash, &key.mark(kind)))
}

pub(crate) const fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Injects a fault until the faults are cleared.
pub(crate) fn always(faults: &Faults, on: Operation, effect: Effect) {
    faults.add(Fault { on, times: Times::Forever, effect });
}

/// Injects a fault for this many requests.
pub(crate) fn next(number: u32, faults: &Faults, on: Operation, effect: Effect) {
    faults.add(Fault { on, times: Times::Next(number), effect });
}
