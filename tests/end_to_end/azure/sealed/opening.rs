//! Opening sealed keys: which vaults are called, and with which tokens.

use super::Bakery;
use crate::azure::cloud::{always, next, wait};
use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::package;
use crate::support::payloads::bls_attestation;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stand_ins::{Effect, Operation, Options};

#[test]
fn three_vaults_that_hang_keep_no_other_recipient_from_its_turn() {
    let bakery = Bakery::new();
    let hanging: Vec<_> =
        (0..3).map(|_| wait(bakery.azure.try_start_other_region(Options::default())).unwrap()).collect();
    let mut recipients = Vec::new();
    for (number, region) in hanging.iter().enumerate() {
        always(region.key_vault.faults(), Operation::Any, Effect::Hang);
        let key = PrivateDecryptingKey::generate(KeySize::Rsa3072).unwrap();
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        let der = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n");
        std::fs::write(bakery.path(&format!("hanging-{number}.pem")), pem).unwrap();
        recipients.push(format!("{}keys/sealing/0123=hanging-{number}.pem", region.key_vault.url()));
    }
    recipients.extend([format!("{}=north.pem", bakery.recipient), "safe.pem".to_owned()]);
    let recipients: Vec<_> = recipients.iter().map(String::as_str).collect();
    let key = bakery.create_for("baker", "consensus", &recipients);
    // Once, the only one that answers fails, too.
    next(1, bakery.faults(), Operation::UnwrapKey, Effect::status(500));
    let signer = bakery.start(&[]);
    let vote = bls_attestation(5, 0, 0);
    key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
    for region in &hanging {
        assert!(region.key_vault.requests(Operation::Any) > 0, "those that hang have had their turn");
    }
}

#[test]
fn a_host_that_demands_tokens_for_other_services_has_none_of_them_requested() {
    if package::zip().is_some() {
        // There, a vault is required.
        return;
    }
    let bakery = Bakery::new();
    let key = bakery.create("baker", "consensus");
    bakery.azure.key_vault.demand_other_audiences(true);
    bakery.azure.key_vault.reset_requests();
    let data = bakery.path("data");
    let signer = bakery.start(&[("KEY_VAULT_URL", ""), ("LOCAL_DATA_DIR", data.to_str().unwrap())]);
    eventually("some challenges", || (bakery.azure.key_vault.requests(Operation::Unauthorized) >= 8).then_some(()));
    let audiences: Vec<_> = bakery.azure.identity.audiences().into_iter().collect();
    assert_eq!(audiences, ["https://cosmos.azure.com", "https://vault.localhost"]);
    assert_eq!(signer.sign(&key.hash, &bls_attestation(5, 0, 0)).status, 500);
    bakery.azure.key_vault.demand_other_audiences(false);
    signer.eventually_signs(&key.hash, &bls_attestation(5, 0, 0));
}

#[test]
fn once_a_key_is_open_no_token_for_its_vaults_is_kept() {
    if package::zip().is_some() {
        return;
    }
    let bakery = Bakery::new();
    let key = bakery.create("baker", "consensus");
    let data = bakery.path("data");
    let signer = bakery.start(&[
        ("KEY_VAULT_URL", ""),
        ("LOCAL_DATA_DIR", data.to_str().unwrap()),
        ("METRICS_LISTEN", "127.0.0.1:0"),
    ]);
    let vote = bls_attestation(5, 0, 0);
    key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
    let line: serde_json::Value = serde_json::from_str(&signer.logged("metrics_listening")).unwrap();
    let metrics = line["fields"]["address"].as_str().unwrap().parse().unwrap();
    let kept = || http::get(metrics, "/metrics").unwrap().body;
    assert!(kept().contains("scope=\"https://cosmos.azure.com/.default\""), "{}", kept());
    eventually("the end of the vault's token", || (!kept().contains("https://vault.localhost/")).then_some(()));
}
