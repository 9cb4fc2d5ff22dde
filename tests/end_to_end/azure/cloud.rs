//! The stand-ins, for tests without a runtime, and keys whose private half the test has.

use azurehsm_signer::tezos::payload::Kind;
use oracle::crypto::{self, PublicKey};
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
    public_key: PublicKey,
}

/// Puts a key for baking into the vault.
pub(crate) fn baker(azure: &Azure) -> KnownKey {
    add(azure, NewKey::new("baker", Curve::P256), 1)
}

/// A key whose public key comes from the signer.
pub(crate) fn told_by(id: KeyVersion, public_key: &str) -> KnownKey {
    let public_key = PublicKey::from_text(public_key).unwrap();
    KnownKey { id, hash: public_key.hash(), public_key }
}

/// Puts a key into the vault; `number` is its private key.
pub(crate) fn add(azure: &Azure, key: NewKey, number: u8) -> KnownKey {
    let mut secret = [0; 32];
    secret[31] = number;
    let curve = match key.curve {
        Curve::P256 => crypto::Curve::P256,
        Curve::P256K => crypto::Curve::Secp256k1,
        other => panic!("{other:?} is not a Tezos curve"),
    };
    let public_key = crypto::SecretKey::from_bytes(curve, secret).unwrap().public_key();
    let id = azure.key_vault.add_key(NewKey { private_key: Some(secret), ..key });
    KnownKey { id, hash: public_key.hash(), public_key }
}

impl KnownKey {
    /// Verifies with the oracle's libraries, which are not the signer's.
    pub(crate) fn verify(&self, payload: &[u8], signature: &str) {
        let bytes = self.public_key.curve.signature().decode(signature).expect("the prefix of the key's curve");
        let verified = self.public_key.verify(payload, crypto::Scheme::default(), &bytes);
        assert_eq!(verified, Ok(()), "{signature} by {}", self.hash);
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
