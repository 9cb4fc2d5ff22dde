//! The cases of sealed keys: the signer comes to the same verdicts as an implementation that shares nothing with it.

use azurehsm_signer::vault::sealed::{RecoveryKey, SealedKey};
use serde_json::Value;

fn read(path: &str) -> Value {
    let path = format!("{}/conformance/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn document(case: &Value) -> Vec<u8> {
    let mut bytes = match case["document"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => hex::decode(case["document_hex"].as_str().unwrap()).unwrap(),
    };
    if let Some(length) = case["padded_to"].as_u64() {
        bytes.resize(length.try_into().unwrap(), b' ');
    }
    bytes
}

/// The verdict, and the secret key if it opens.
fn verdict(document: &[u8], recovery_key: &str) -> (&'static str, Value) {
    let Ok(sealed) = SealedKey::from_json(document) else { return ("malformed", Value::Null) };
    let recovery_key = RecoveryKey::from_pem(recovery_key).unwrap();
    let opened = recovery_key.unwrap_data_key(&sealed).ok().and_then(|data_key| sealed.open(&data_key).ok());
    match opened {
        Some(secret) => ("opens", secret.to_text().as_str().into()),
        None => ("does_not_open", Value::Null),
    }
}

#[test]
fn every_sealed_key_is_opened_or_refused_as_expected() {
    let (cases, vectors) = (read("cases/sealed.json"), read("sealed/vectors.json"));
    let (mut count, mut wrong) = (0, Vec::new());
    for case in cases["cases"].as_array().unwrap() {
        let recovery_key = &vectors["keys"][case["recovery_key"].as_str().unwrap()]["private_key"];
        let (verdict, secret) = verdict(&document(case), recovery_key.as_str().unwrap());
        if verdict != case["expected"] || secret != case["secret_key"] {
            wrong.push(format!("{}: {verdict}, expected {}", case["id"], case["expected"]));
        }
        count += 1;
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(count > 150);
}
