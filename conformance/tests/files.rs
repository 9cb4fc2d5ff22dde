//! The generated files: up to date, valid by their schemas, and correct by independent libraries.

#![cfg(test)]

use conformance::crypto::{PublicKey, Scheme, SecretKey};
use conformance::{case, files};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = folder().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_files_are_up_to_date() {
    for (path, text) in files::generated().unwrap() {
        assert!(read(&path) == text, "{path} is out of date: run `cargo run -p conformance -- generate`");
    }
}

#[test]
fn the_files_are_valid_by_their_schemas() {
    for name in ["keys", "decode", "sequences", "policy", "signatures", "http", "sealed"] {
        let cases: Value = serde_json::from_str(&read(format!("cases/{name}.json"))).unwrap();
        let schema = cases["$schema"].as_str().unwrap().trim_start_matches("../");
        let schema: Value = serde_json::from_str(&read(schema)).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        if let Some(error) = validator.iter_errors(&cases).next() {
            panic!("cases/{name}.json: {}: {error}", error.instance_path());
        }
        // The schemas must reject invalid files.
        for spoil in [
            |case: &mut Value| drop(case.as_object_mut().unwrap().remove("why")),
            |case: &mut Value| case["id"] = "Not an id".into(),
            |case: &mut Value| case["else"] = true.into(),
        ] {
            let mut spoilt = cases.clone();
            spoil(&mut spoilt["cases"][0]);
            assert!(!validator.is_valid(&spoilt), "{name}");
        }
    }
}

#[test]
fn reading_the_files_yields_the_tables() {
    assert_eq!(files::read(&folder().join("cases")).unwrap(), conformance::tables::suite());
}

#[test]
fn independent_libraries_agree_on_every_signature() {
    for case in conformance::tables::suite().signatures.cases {
        let key = PublicKey::from_text(&case.public_key).unwrap();
        let result = key.verify_text(&case.payload.0, case.scheme.unwrap_or_default(), &case.signature);
        assert_eq!(result.is_ok(), case.valid, "{}: {result:?}", case.id);
    }
}

#[test]
fn independent_libraries_agree_on_every_key() {
    for case in conformance::tables::suite().keys.cases {
        match case {
            case::KeyCase::Derivation { id, curve, secret_key, public_key, hash, proof_of_possession, .. } => {
                let secret = SecretKey::from_text(&secret_key).expect(&id);
                let public = secret.public_key();
                assert_eq!((secret.curve(), public.text(), public.hash()), (curve, public_key, hash), "{id}");
                if let Some(proof) = proof_of_possession {
                    assert_eq!(public.verify_text(&public.bytes, Scheme::Possession, &proof), Ok(()), "{id}");
                }
            }
            case::KeyCase::Malformed { id, malformed: case::KeyText::SecretKey, text, .. } => {
                assert!(SecretKey::from_text(&text).is_none(), "{id}");
            }
            case::KeyCase::Malformed { .. } => {}
        }
    }
}
