//! A signer with one key, fronts before it, and a relay before these.

use super::front::{Front, KEY};
use crate::support::eventually::eventually;
use crate::support::http::{self, Answer, request};
use crate::support::payloads;
use crate::support::process::{Signer, command};
use azurehsm_signer::tezos::{BlsScheme, PublicKey, SignatureText};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) struct Setup {
    pub(crate) folder: TempDir,
    pub(crate) signer: Signer,
    pub(crate) key: String,
}

impl Setup {
    /// A signer with the embedded vault and store.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::start(folder.path(), settings);
        let key = signer.only_key();
        Self { folder, signer, key }
    }

    /// The same with one front, and a relay with these settings that is ready.
    pub(crate) fn with_relay(settings: &[(&str, &str)]) -> (Self, Front, Relay) {
        let setup = Self::start();
        let front = setup.front();
        let relay = setup.relay(&[&front], settings);
        relay.wait_until_ready();
        (setup, front, relay)
    }

    pub(crate) fn front(&self) -> Front {
        Front::start(self.signer.address)
    }

    /// A relay before these fronts, in a state folder inside the signer's.
    pub(crate) fn relay(&self, fronts: &[&Front], settings: &[(&str, &str)]) -> Relay {
        Relay::start(self.folder.path(), fronts, settings)
    }
}

/// A running relay.
pub(crate) struct Relay(pub(crate) Signer);

impl Relay {
    /// Starts one, and waits until it listens.
    pub(crate) fn start(state: &Path, fronts: &[&Front], settings: &[(&str, &str)]) -> Self {
        let urls: Vec<_> = fronts.iter().map(|front| front.url()).collect();
        let authorities = trust(state, fronts);
        let mut all = vec![("SSL_CERT_FILE", authorities.to_str().unwrap())];
        if !settings.iter().any(|(name, _)| *name == "RELAY_FUNCTION_KEYS_FILE") {
            all.push(("RELAY_FUNCTION_KEYS", KEY));
        }
        all.extend(settings);
        Self::start_before(state, &urls.join(","), &all)
    }

    /// The same before any upstreams, without a credential unless the settings have one.
    pub(crate) fn start_before(state: &Path, upstreams: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = command(state, &[]);
        command.arg("relay").env("RELAY_UPSTREAMS", upstreams).env("RELAY_LISTEN", "127.0.0.1:0");
        command.env("RELAY_STATE_DIR", state.join("relay"));
        // So long that no request is hedged or late on a busy machine, unless the test is about that.
        command.env("RELAY_HEDGE_MS", "9000").env("RELAY_DEADLINE_MS", "20000");
        command.envs(settings.iter().copied());
        Self(Signer::start_as(command))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        http::send(self.address(), request("GET", path, &["host: localhost", "connection: close"], "").as_bytes())
            .unwrap()
    }

    /// Requests a signature as octez does: over a new connection.
    pub(crate) fn sign(&self, key: &str, payload: &[u8]) -> Answer {
        sign(self.address(), key, payload)
    }

    /// Waits until the store is known and an upstream is well.
    pub(crate) fn wait_until_ready(&self) {
        eventually("the relay is ready", || (self.get("/health").status == 200).then_some(()));
    }
}

/// An attestation of this level, at round 0.
pub(crate) fn attestation(level: u32) -> Vec<u8> {
    payloads::attestation(level, 0, 1).bytes()
}

/// As [`Relay::sign`], for threads that have only its address.
pub(crate) fn sign(relay: SocketAddr, key: &str, payload: &[u8]) -> Answer {
    http::send(relay, signing_request(key, payload).as_bytes()).unwrap()
}

pub(crate) fn signing_request(key: &str, payload: &[u8]) -> String {
    let body = format!("\"{}\"\n", hex::encode(payload));
    request("POST", &format!("/keys/{key}?version=3"), &["host: localhost", "connection: close"], &body)
}

/// Checks a signature by itself.
pub(crate) fn verify(public_key: &str, payload: &[u8], answer: &Answer) {
    let key: PublicKey = public_key.parse().unwrap();
    let signature: SignatureText = answer.signature().parse().unwrap();
    let signature = signature.of_curve(key.curve()).unwrap();
    key.verify(payload, BlsScheme::ProofOfPossession, &signature).unwrap();
}

/// Writes a file for `SSL_CERT_FILE`, so that these fronts are trusted.
pub(crate) fn trust(folder: &Path, fronts: &[&Front]) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let file = folder.join("authorities.pem");
    fs::write(&file, fronts.iter().map(|front| front.server.authority_pem()).collect::<String>()).unwrap();
    file
}
