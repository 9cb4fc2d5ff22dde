//! Requests that need authentication: the shipped binary, with a policy per key.

use crate::support::http;
use crate::support::payloads::{payload, transfer};
use crate::support::process::{self, Signer};
use azurehsm_signer::tezos::authentication::request_to_authenticate;
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{BlsScheme, Curve, SecretKey};
use serde_json::{Value, json};

const UNKNOWN: &str = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";

/// A folder with two keys, for a baker and for payouts, and their hashes.
fn two_keys() -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["baker", "payouts"] {
        let generated = process::run(folder.path(), &["keys", "generate", name], "");
        assert!(generated.status.success(), "{generated:?}");
    }
    let signer = Signer::start(folder.path(), &[]);
    let keys = signer.keys();
    let hash = |name: &str| keys.iter().find(|(other, _)| other == name).unwrap().1.clone();
    let hashes = (hash("baker"), hash("payouts"));
    signer.kill();
    (folder, hashes.0, hashes.1)
}

fn request(signer: &Signer, key: &str, bytes: &[u8], authentication: Option<&str>) -> (u16, String) {
    let query = authentication.map(|text| format!("?authentication={text}&version=3")).unwrap_or_default();
    let body = format!("\"{}\"\n", hex::encode(bytes));
    let answer = http::post(signer.address, &format!("/keys/{key}{query}"), body.as_bytes()).unwrap();
    (answer.status, answer.body)
}

/// A baker's key requires authentication; a key for payouts does not, since its clients cannot sign requests.
#[test]
fn some_keys_require_authentication_and_others_do_not() {
    let (folder, baker, payouts) = two_keys();
    let client = SecretKey::generate(Curve::Ed25519).unwrap();
    let authorized = client.public_key().to_string();
    let listed = json!({"authorized_keys": [client.public_key().hash().to_string()]});
    let (vote, payout) = (payload(Kind::Attestation, 10, 0, 0), transfer(1, 1));
    let authenticate = |key: &str, bytes: &[u8]| {
        let signed = request_to_authenticate(&key.parse().unwrap(), bytes);
        client.sign(&signed, BlsScheme::default()).unwrap().to_string()
    };
    let operations = |require: Value| json!({"operations": ["transaction"], "require_authentication": require});
    let said = |default: Value, keys: Value| json!({"default": default, "keys": keys});
    let strict = json!({"require_authentication": true});
    let lax = json!({"require_authentication": false});
    let pay_by_default = json!({"operations": ["transaction"]});

    for (policy, expected_keys, baker_is_strict, payouts_are_strict) in [
        (said(json!({}), json!({&payouts: pay_by_default})), &listed, true, true),
        (said(json!({}), json!({&payouts: operations(json!(false))})), &listed, true, false),
        (said(lax.clone(), json!({&payouts: pay_by_default, &baker: strict})), &listed, true, false),
        (said(lax, json!({&payouts: operations(json!(false))})), &json!({}), false, false),
    ] {
        let settings = [("AUTHORIZED_KEYS", authorized.as_str()), ("POLICY", &policy.to_string())];
        let signer = Signer::start(folder.path(), &settings);
        let keys = http::get(signer.address, "/authorized_keys").unwrap().json();
        assert_eq!(&keys, expected_keys, "{policy}");
        for (key, bytes, is_strict) in [(&baker, &vote, baker_is_strict), (&payouts, &payout, payouts_are_strict)] {
            for (authentication, is_right) in
                [(None, false), (Some(authenticate(key, b"else")), false), (Some(authenticate(key, bytes)), true)]
            {
                let (status, body) = request(&signer, key, bytes, authentication.as_deref());
                let expected = if is_strict && !is_right { 401 } else { 200 };
                assert_eq!(status, expected, "{policy}\n{key} {authentication:?}: {body}");
            }
        }
        signer.kill();
    }
}

/// The existence of a key is not secret, and neither is its public key.
#[test]
fn a_missing_key_is_unknown_to_every_caller() {
    let (folder, baker, _) = two_keys();
    let client = SecretKey::generate(Curve::Ed25519).unwrap();
    let signer = Signer::start(folder.path(), &[("AUTHORIZED_KEYS", &client.public_key().to_string())]);
    let vote = payload(Kind::Attestation, 10, 0, 0);
    assert_eq!(request(&signer, UNKNOWN, &vote, None).0, 404);
    let (status, body) = request(&signer, &baker, &vote, None);
    assert_eq!(status, 401, "{body}");
    assert!(body.contains("require_authentication"), "{body}");
}

#[test]
fn required_authentication_without_authorized_keys_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let key = json!({UNKNOWN: {"require_authentication": true}});
    for (policy, place) in [
        (json!({"default": {"require_authentication": true}}), "default"),
        (json!({"keys": key}), &*format!("keys.{UNKNOWN}")),
    ] {
        let mut signer = process::command(folder.path(), &[("POLICY", &policy.to_string())]);
        let output = signer.output().unwrap();
        assert!(!output.status.success(), "{policy}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("AUTHORIZED_KEYS") && error.contains(place), "{policy}: {error}");
    }
}
