//! The vault: keys, signatures, errors, and what the role of a signer does not allow.

#![cfg(test)]

mod support;

use k256::ecdsa::signature::hazmat::PrehashVerifier;
use serde_json::{Value, json};
use stand_ins::{
    Azure, BadSignature, Curve, Effect, Fault, KeyVersion, NewKey, Operation, Options, RotationPolicy, Times, VaultKind,
};
use std::collections::HashSet;
use support::{Vault, client, from_base64, json, p256_key, status, status_and_code};

const DIGEST: [u8; 32] = [7; 32];

async fn document(vault: &Vault, key: &KeyVersion) -> Value {
    json(vault.get(&format!("keys/{}/{}", key.name, key.version)).send().await.unwrap()).await
}

async fn signature(vault: &Vault, key: &KeyVersion, algorithm: &str) -> Vec<u8> {
    let answer = json(vault.sign_with(key, algorithm, DIGEST).send().await.unwrap()).await;
    assert_eq!(answer["kid"], format!("{}keys/{}/{}", vault.url, key.name, key.version));
    from_base64(&answer["value"])
}

/// The public key as an uncompressed SEC 1 point.
fn point(document: &Value) -> Vec<u8> {
    let mut point = vec![4];
    for coordinate in ["x", "y"] {
        let bytes = from_base64(&document["key"][coordinate]);
        point.resize(point.len() + 32 - bytes.len(), 0);
        point.extend(bytes);
    }
    point
}

fn is_p256(document: &Value, signature: &[u8]) -> bool {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point(document)).unwrap();
    p256::ecdsa::Signature::from_slice(signature).is_ok_and(|it| key.verify_prehash(&DIGEST, &it).is_ok())
}

#[tokio::test]
async fn a_request_without_a_token_is_challenged() {
    for (vault, challenge) in [
        (VaultKind::KeyVault, r#"resource="https://vault.localhost""#),
        (VaultKind::ManagedHsm, r#"scope="https://managedhsm.localhost/.default""#),
    ] {
        let azure = Azure::start_with(Options { vault, ..Options::default() }).await;
        let url = format!("{}keys?api-version=7.6", azure.key_vault.url());
        let answer = client(&azure).get(url).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        let header = answer.headers()["www-authenticate"].to_str().unwrap();
        assert_eq!(header, format!(r#"Bearer authorization="https://login.localhost/tenant", {challenge}"#));
        assert_eq!(azure.key_vault.requests(Operation::Unauthorized), 1);
        assert_eq!(azure.key_vault.requests(Operation::ListKeys), 0);
    }
}

#[tokio::test]
async fn signatures_verify_and_differ() {
    let azure = Azure::start().await;
    let vault = Vault::of(&azure).await;
    let p256 = p256_key(&azure);
    let document_of_p256 = document(&vault, &p256).await;
    let first = signature(&vault, &p256, "ES256").await;
    let second = signature(&vault, &p256, "ES256").await;
    assert!(is_p256(&document_of_p256, &first) && is_p256(&document_of_p256, &second));
    assert_ne!(first[..32], second[..32], "the same r twice");

    let k256 = azure.key_vault.add_key(NewKey::new("k256", Curve::P256K));
    let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&point(&document(&vault, &k256).await)).unwrap();
    let mut halves = HashSet::new();
    for _ in 0..40 {
        let signature = signature(&vault, &k256, "ES256K").await;
        let signature = k256::ecdsa::Signature::from_slice(&signature).unwrap();
        key.verify_prehash(&DIGEST, &signature.normalize_s()).unwrap();
        halves.insert(signature == signature.normalize_s());
    }
    assert_eq!(halves.len(), 2, "s is high or low at random");
    azure.key_vault.high_s(true);
    for _ in 0..10 {
        let signature = k256::ecdsa::Signature::from_slice(&signature(&vault, &k256, "ES256K").await).unwrap();
        assert_ne!(signature, signature.normalize_s());
    }
}

#[tokio::test]
async fn coordinates_can_be_short() {
    let azure = Azure::start().await;
    let vault = Vault::of(&azure).await;
    let new = NewKey { short_coordinates: true, ..NewKey::new("short", Curve::P256) };
    let key = azure.key_vault.add_key(new);
    let document = document(&vault, &key).await;
    let lengths = ["x", "y"].map(|name| from_base64(&document["key"][name]).len());
    assert!(lengths.iter().any(|length| *length < 32), "{lengths:?}");
    assert!(is_p256(&document, &signature(&vault, &key, "ES256").await));
}

#[tokio::test]
async fn signing_fails_for_unusable_keys_and_bad_parameters() {
    let azure = Azure::start().await;
    let vault = Vault::of(&azure).await;
    let key = p256_key(&azure);
    let forbidden = |inner: &str| (403, inner.to_owned());
    let add = |key: NewKey| azure.key_vault.add_key(key);
    let base = || NewKey::new("other", Curve::P256);
    let ended = add(NewKey { expires: Some(1), ..base() });
    let later = add(NewKey { not_before: Some(4_000_000_000), ..base() });
    let verifies = add(NewKey { key_ops: vec!["verify".to_owned()], ..base() });
    assert_eq!(status_and_code(vault.sign(&ended)).await, forbidden("KeyExpired"));
    assert_eq!(status_and_code(vault.sign(&later)).await, forbidden("KeyNotYetValid"));
    assert_eq!(status_and_code(vault.sign(&verifies)).await, forbidden("KeyOperationForbidden"));

    assert!(azure.key_vault.set_enabled(&key.name, &key.version, false));
    assert_eq!(status_and_code(vault.sign(&key)).await, forbidden("KeyDisabled"));
    assert_eq!(document(&vault, &key).await["attributes"]["enabled"], false, "still readable");
    assert!(azure.key_vault.set_enabled(&key.name, &key.version, true));
    assert!(!azure.key_vault.set_enabled(&key.name, "no such version", true));
    assert_eq!(status(vault.sign(&key)).await, 200);

    let bad_parameter = (400, "BadParameter".to_owned());
    assert_eq!(status_and_code(vault.sign_with(&key, "ES256K", DIGEST)).await, bad_parameter);
    assert_eq!(status_and_code(vault.sign_with(&key, "ES256", [7; 31])).await, bad_parameter);
    assert_eq!(status_and_code(vault.post(&format!("keys/{}//sign", key.name), &json!({}))).await, bad_parameter);

    azure.key_vault.delete_key(&key.name);
    assert_eq!(status_and_code(vault.sign(&key)).await, (404, "KeyNotFound".to_owned()));
    assert_eq!(status_and_code(vault.get("keys/baker")).await, (404, "KeyNotFound".to_owned()));
}

#[tokio::test]
async fn with_a_key_for_sealed_keys_the_role_allows_only_reading_it_and_unwrapping() {
    let azure = Azure::start().await;
    let vault = Vault::of(&azure).await;
    let ec = p256_key(&azure);
    let sealing = azure.key_vault.add_key(NewKey {
        key_ops: vec!["unwrapKey".to_owned()],
        hsm: true,
        ..NewKey::new("sealing", Curve::Rsa)
    });
    azure.key_vault.allow_unwrap(true);
    let path = |key: &KeyVersion, action: &str| format!("keys/{}/{}{action}", key.name, key.version);
    let body = json!({ "alg": "RSA-OAEP-256", "value": "AA" });
    assert_eq!(status(vault.get(&path(&sealing, ""))).await, 200);
    // The stand-in has no private key, and gets as far as that.
    assert_eq!(status(vault.post(&path(&sealing, "/unwrapkey"), &body)).await, 400);
    for (key, action) in [
        (&ec, "/unwrapkey"),
        (&sealing, "/sign"),
        (&sealing, "/wrapkey"),
        (&sealing, "/decrypt"),
        (&sealing, "/encrypt"),
        (&sealing, "/verify"),
        (&sealing, "/release"),
    ] {
        assert_eq!(status(vault.post(&path(key, action), &body)).await, 403, "{} {action}", key.name);
    }
}

#[tokio::test]
async fn the_role_allows_only_reading_keys_and_signing() {
    let azure = Azure::start().await;
    let vault = Vault::of(&azure).await;
    let key = p256_key(&azure);
    let forbidden = (403, "ForbiddenByRbac".to_owned());
    let version = format!("keys/{}/{}", key.name, key.version);
    let body = json!({ "kty": "EC" });
    for path in ["keys/new/create", "keys/baker/backup", "keys/restore", "keys/baker/rotate"] {
        assert_eq!(status_and_code(vault.post(path, &body)).await, forbidden, "{path}");
    }
    for action in ["verify", "encrypt", "decrypt", "wrapkey", "unwrapkey", "release"] {
        assert_eq!(status_and_code(vault.post(&format!("{version}/{action}"), &body)).await, forbidden, "{action}");
    }
    for (method, path) in [("PUT", "keys/new"), ("PATCH", &*version), ("DELETE", "keys/baker"), ("GET", "deletedkeys")]
    {
        let url = format!("{}{path}?api-version=7.6", vault.url);
        let request = vault.client.request(method.parse().unwrap(), url).bearer_auth(&vault.token);
        assert_eq!(status_and_code(request).await, forbidden, "{method} {path}");
    }
    assert_eq!(azure.key_vault.requests(Operation::Other), 14);

    azure.key_vault.deny_list(true);
    assert_eq!(status_and_code(vault.get("keys")).await, forbidden);
    assert_eq!(status_and_code(vault.get("keys/baker/versions")).await, forbidden);
    assert_eq!(status(vault.get(&version)).await, 200);
    assert_eq!(status(vault.sign(&key)).await, 200);

    let policy = || vault.get("keys/baker/rotationpolicy");
    assert_eq!(status_and_code(policy()).await, forbidden);
    azure.key_vault.rotation_policy(Some(RotationPolicy {
        expires_after: Some("P90D"),
        rotates_after: None,
        ..RotationPolicy::default()
    }));
    assert_eq!(json(policy().send().await.unwrap()).await["attributes"]["expiryTime"], "P90D");
}

#[tokio::test]
async fn an_operator_may_update_keys() {
    let azure = Azure::start().await;
    let vault = Vault::of(&azure).await;
    let tags = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "value".to_owned())).collect();
    let key = azure.key_vault.add_key(NewKey { tags: tags(&["before"]), ..NewKey::new("baker", Curve::P256) });
    let path = format!("keys/{}/{}", key.name, key.version);
    let patch = |path: &str, body: serde_json::Value| {
        let url = format!("{}{path}?api-version=7.6", vault.url);
        vault.client.patch(url).bearer_auth(&vault.token).json(&body)
    };
    let body = || json!({ "tags": { "after": "value" } });
    assert_eq!(status_and_code(patch(&path, body())).await, (403, "ForbiddenByRbac".to_owned()));
    let requests = |operation| azure.key_vault.requests(operation);
    assert_eq!((requests(Operation::UpdateKey), requests(Operation::Other)), (0, 1));

    azure.key_vault.allow_update(true);
    let updated = json(patch(&path, body()).send().await.unwrap()).await;
    assert_eq!(updated["tags"], json!({ "after": "value" }), "tags are replaced as a whole");
    assert_eq!(document(&vault, &key).await["tags"], updated["tags"]);
    assert_eq!(azure.key_vault.tags(&key.name, &key.version), Some(tags(&["after"])));
    let disabled = json(patch(&path, json!({ "attributes": { "enabled": false } })).send().await.unwrap()).await;
    assert_eq!((&disabled["attributes"]["enabled"], &disabled["tags"]), (&json!(false), &updated["tags"]));
    assert_eq!((requests(Operation::UpdateKey), requests(Operation::Other)), (2, 1));

    let long = json!({ "tags": { "signer-marks": "x".repeat(257) } });
    let many: serde_json::Map<_, _> = (0..16).map(|number| (number.to_string(), json!("value"))).collect();
    for body in [long, json!({ "tags": many }), json!({ "tags": "none" })] {
        assert_eq!(status_and_code(patch(&path, body)).await, (400, "BadParameter".to_owned()));
    }
    assert_eq!(status(patch("keys/baker/none", body())).await, 404);
    assert!(azure.key_vault.set_tags(&key.name, &key.version, tags(&[])));
    assert_eq!(document(&vault, &key).await["tags"], json!({}));
}

#[tokio::test]
async fn signatures_can_be_bad() {
    let azure = Azure::start().await;
    let vault = Vault::of(&azure).await;
    let key = p256_key(&azure);
    let document = document(&vault, &key).await;
    for (bad, length) in [
        (BadSignature::OfOtherData, 64),
        (BadSignature::ByOtherKey, 64),
        (BadSignature::Truncated, 63),
        (BadSignature::Empty, 0),
    ] {
        let effect = Effect::BadSignature(bad);
        azure.key_vault.faults().add(Fault { on: Operation::Sign, times: Times::Next(1), effect });
        let signature = signature(&vault, &key, "ES256").await;
        assert_eq!(signature.len(), length);
        assert!(!is_p256(&document, &signature), "{bad:?}");
    }
    assert!(is_p256(&document, &signature(&vault, &key, "ES256").await));
}
