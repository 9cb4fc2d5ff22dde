//! What an observer answers, logs and records.

use super::OBSERVE;
use crate::support::http::{self, Answer};
use crate::support::payloads::{MAINNET, bls_attestation, payload, transfer};
use crate::support::process::{Signer, printed, run};
use azurehsm_signer::tezos::payload::Kind;
use serde_json::Value;

/// Every answer to a request for a signature.
fn check(answer: &Answer, verdict: &str) {
    assert_eq!((answer.status, answer.header("x-signer-verdict")), (500, "failed"), "{answer:?}");
    assert_eq!((answer.header("x-signer-reason"), answer.header("x-signer-observes")), ("observer", "true"));
    assert!(answer.error().contains(&format!("its verdict is {verdict}")), "{answer:?}");
    assert_eq!(answer.header("x-signer-companion-signature"), "");
}

fn observed(signer: &Signer) -> (String, String) {
    let line: Value = serde_json::from_str(&signer.wait_for_log("\"observed\"")).unwrap();
    let text = |field: &str| line["fields"][field].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("cause"))
}

#[test]
fn every_verdict_is_logged_and_none_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[OBSERVE]);
    let key = signer.only_key();
    let unknown = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
    let vote = |level, variant| payload(Kind::Attestation, level, 0, variant);
    for (key, bytes, verdict, cause) in [
        (key.as_str(), vote(7, 0), "signed", ""),
        (&key, vote(7, 0), "signed", ""),
        (&key, vote(7, 1), "refused", "different_data"),
        (&key, vote(6, 0), "refused", "below_mark"),
        (&key, payload(Kind::Block, 7, 0, 0), "signed", ""),
        (&key, payload(Kind::Block, 7, 0, 1), "refused", "different_data"),
        (&key, transfer(1, 1), "refused", "policy"),
        (&key, vec![0x13, 1], "refused", "payload"),
        (unknown, vote(7, 0), "refused", "unknown_key"),
    ] {
        check(&http::sign(signer.address, key, &bytes).unwrap(), verdict);
        assert_eq!(observed(&signer), (verdict.to_owned(), cause.to_owned()), "{}", hex::encode(&bytes));
    }
    assert_eq!(http::get(signer.address, "/health").unwrap().status, 200, "it works as well as a signer");
    assert_eq!(http::get(signer.address, &format!("/keys/{key}")).unwrap().status, 200);
    drop(signer);
    let listed = printed(&run(folder.path(), &["marks", "list"], ""));
    assert_eq!(listed.lines().filter(|line| line.contains(MAINNET)).count(), 2, "marks are recorded: {listed}");
}

#[test]
fn a_companion_is_decided_on_too_and_a_proof_of_possession_is_withheld() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["consensus", "companion"] {
        printed(&run(folder.path(), &["keys", "generate", name, "--curve", "bls"], ""));
    }
    let policy = ("POLICY", r#"{"default": {"proof_of_possession": true}}"#);
    let signer = Signer::start(folder.path(), &[OBSERVE, policy]);
    let keys = signer.keys();
    let hash = |name: &str| keys.iter().find(|(other, _)| other == name).unwrap().1.clone();
    let body = format!("\"{}\"", hex::encode(bls_attestation(7, 0, 0)));
    let companion = format!("x-signer-companion: {}", hash("companion"));
    let path = format!("/keys/{}", hash("consensus"));
    let request = http::request("POST", &path, &["host: signer", "connection: close", &companion], &body);
    check(&http::send(signer.address, request.as_bytes()).unwrap(), "signed");
    assert_eq!(observed(&signer).0, "signed");
    assert_eq!(observed(&signer).0, "signed", "by the companion key");

    let path = format!("/bls_prove_possession/{}", hash("consensus"));
    check(&http::get(signer.address, &path).unwrap(), "signed");
    assert_eq!(observed(&signer).0, "signed");
}
