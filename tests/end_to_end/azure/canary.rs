//! A secret whose every copy is searched for: in answers, in the log, and in the memory of the process.

use super::sealed::{Bakery, Sealed, sealing};
use super::secrets::EVERYTHING;
use crate::support::eventually::eventually;
use crate::support::memory::{Found, Memory};
use crate::support::payloads::{block, bls_attestation, transfer};
use crate::support::tz4;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use azurehsm_signer::tezos::base58check::{self, Prefix};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use std::fs;

/// 32 bytes that nothing else contains, and their forms.
struct Canary {
    /// As `BLsk…` has them.
    bytes: [u8; 32],
    /// Each with its name.
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    fn new(bytes: [u8; 32]) -> Self {
        let mut reversed = bytes;
        reversed.reverse();
        let mut forms: Vec<(&'static str, Vec<u8>)> = Vec::new();
        for (name, bytes) in [("as it is", &bytes), ("reversed", &reversed)] {
            // Half of it is enough to be found, and for others to guess the rest.
            forms.extend([(name, bytes[..16].to_vec()), (name, bytes[16..].to_vec())]);
            let hex = hex::encode(bytes);
            let texts = [
                ("base64", URL_SAFE_NO_PAD.encode(bytes)),
                ("base64", STANDARD_NO_PAD.encode(bytes)),
                ("upper case", hex.to_uppercase()),
                ("hexadecimal", hex),
            ];
            forms.extend(texts.map(|(name, text)| (name, text.as_bytes()[..40].to_vec())));
        }
        let text = Self::text(&bytes);
        forms.push(("Base58Check", text.as_bytes()[5..45].to_vec()));
        let digits: Vec<u8> = digits(bytes).into_iter().flat_map(u64::to_le_bytes).collect();
        forms.extend([("digits", digits[..16].to_vec()), ("digits", digits[16..].to_vec())]);
        forms.sort();
        forms.dedup_by(|left, right| left.1 == right.1);
        Self { bytes, forms }
    }

    fn text(bytes: &[u8; 32]) -> String {
        base58check::encode(Prefix::BlsSecretKey, bytes)
    }

    fn in_memory(&self, memory: &Memory) -> Vec<Found> {
        memory.find(&self.forms)
    }

    fn in_text(&self, text: &str) -> Option<&'static str> {
        let found = self.forms.iter().find(|(_, form)| memchr::memmem::find(text.as_bytes(), form).is_some());
        found.map(|(name, _)| *name)
    }
}

/// The digits of a little-endian number in the base of the curve's parameter, as `blst` computes them to sign.
fn digits(bytes: [u8; 32]) -> [u64; 4] {
    const PARAMETER: u128 = 0xd201_0000_0001_0000;
    let mut number: [u64; 4] =
        std::array::from_fn(|index| u64::from_le_bytes(bytes[index * 8..][..8].try_into().unwrap()));
    std::array::from_fn(|_| {
        let mut rest = 0;
        for limb in number.iter_mut().rev() {
            let part = (rest << 64) | u128::from(*limb);
            *limb = u64::try_from(part / PARAMETER).unwrap();
            rest = part % PARAMETER;
        }
        u64::try_from(rest).unwrap()
    })
}

/// The key that encrypts the secret, as the recovery key unwraps it.
fn data_key(bakery: &Bakery) -> [u8; 32] {
    let sealed: Value = serde_json::from_slice(&fs::read(bakery.path("sealed/canary.json")).unwrap()).unwrap();
    let wrapped = STANDARD.decode(sealed["recipients"][1]["wrapped_key"].as_str().unwrap()).unwrap();
    let pem = fs::read(bakery.path("safe-private.pem")).unwrap();
    let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).unwrap();
    let key = PrivateDecryptingKey::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let mut bytes = [0; 1024];
    let key = OaepPrivateDecryptingKey::new(key).unwrap();
    key.decrypt(&OAEP_SHA256_MGF1SHA256, &wrapped, &mut bytes, None).unwrap().try_into().unwrap()
}

/// A data key is left in the buffers of the SDK, which has received it as text, and nowhere else.
fn assert_only_received(found: &[Found]) {
    for copy in found {
        assert_eq!(copy.what, "base64", "{found:#?}");
    }
}

#[test]
fn a_secret_is_in_one_locked_page_while_it_is_open_and_nowhere_else_or_later() {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    // Below the order of the group.
    bytes[31] &= 0x3f;
    let secret = Canary::new(bytes);
    let bakery = Bakery::new();
    let recipients = [&format!("{}=north.pem", bakery.recipient), "safe.pem"];
    let options = format!("import {}", sealing("canary", "consensus", &recipients));
    let key = Sealed::printed(&bakery.run_with_input(&options, &Canary::text(&secret.bytes)));
    let data_key = Canary::new(data_key(&bakery));
    let policy = format!(r#"{{"keys": {{"{}": {{"operations": ["any"]}}}}}}"#, key.hash);
    let signer = bakery.start(&[("RUST_LOG", EVERYTHING), ("POLICY", &policy)]);
    signer.eventually_signs(&key.hash, &bls_attestation(5, 0, 0));

    let mut answers = Vec::new();
    for level in 6..16 {
        for payload in [bls_attestation(level, 0, 0), block(level, 0, 0), transfer(1, 1), vec![0x13]] {
            answers.push(signer.sign(&key.hash, &payload));
        }
    }
    let of_key = format!("/keys/{}", key.hash);
    for path in ["/", "/health", "/keys", &of_key, "/authorized_keys", "/known_keys", "/metrics", "/nowhere"] {
        answers.push(signer.get(path));
    }
    answers.push(signer.get(&format!("/bls_prove_possession/{}", key.hash)));
    answers.push(signer.sign(tz4::ADDRESS, &bls_attestation(5, 0, 0)));
    for answer in &answers {
        let text = format!("{answer:?}");
        for canary in [&secret, &data_key] {
            assert_eq!(canary.in_text(&text), None, "{text}");
        }
    }

    if let Some(memory) = Memory::of(signer.process()) {
        let found = secret.in_memory(&memory);
        let page = found.first().expect("the search finds an open key").mapping;
        for copy in &found {
            let is_protected = ["lo", "dd", "wf"].iter().all(|flag| copy.flags.contains(*flag));
            assert!(copy.mapping == page && is_protected, "{found:#?}");
        }
        assert_only_received(&data_key.in_memory(&memory));
    }
    fs::remove_file(bakery.path("sealed/canary.json")).unwrap();
    eventually("the end", || (signer.sign(&key.hash, &bls_attestation(5, 0, 0)).status == 404).then_some(()));
    if let Some(memory) = Memory::of(signer.process()) {
        assert_eq!(secret.in_memory(&memory), []);
        assert_only_received(&data_key.in_memory(&memory));
    }
    let log = signer.stop();
    assert!(log.len() > 500, "{} lines", log.len());
    for line in log {
        for canary in [&secret, &data_key] {
            assert_eq!(canary.in_text(&line), None, "{line}");
        }
    }
}
