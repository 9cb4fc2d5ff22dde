//! The sidecar of a confidential container.

#![cfg(test)]

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use stand_ins::{Azure, NewKey, release_policy};
use support::client;

fn pkcs8() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance/sealed/vectors.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let pem = vectors["keys"]["confidential"]["private_key"].as_str().unwrap();
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>()).unwrap()
}

#[tokio::test]
async fn a_key_is_released_only_to_the_container_that_its_policy_describes() {
    let azure = Azure::start().await;
    let sidecar = azure.try_start_key_release().unwrap();
    let (attestation, host) = (sidecar.attestation_endpoint(), sidecar.vault_host());
    let add = |name: &str, change: &dyn Fn(&mut NewKey)| {
        let mut key = NewKey::releasable(name, pkcs8(), release_policy(attestation, sidecar.host_data()));
        change(&mut key);
        let id = azure.key_vault.add_key(key);
        format!("{}/{}", id.name, id.version)
    };
    let good = add("good", &|_| {});
    let body = |maa: &str, akv: &str, kid: &str| json!({ "maa_endpoint": maa, "akv_endpoint": akv, "kid": kid });
    let post = async |body: &Value| {
        let answer = client(&azure).post(format!("{}/key/release", sidecar.url())).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let no_role = post(&body(attestation, host, &good)).await;
    assert!(no_role.0 == 403 && no_role.1.contains("keys/release/action"), "{no_role:?}");
    azure.key_vault.allow_release(true);
    for (request, status, expected) in [
        (body(attestation, host, &good), 200, "\\\"kty\\\":\\\"RSA\\\""),
        (body(attestation, host, "good"), 200, "\\\"d\\\":"),
        (json!({ "maa_endpoint": attestation, "akv_endpoint": host }), 400, "{\"error\":{}}"),
        (body(attestation, "", &good), 400, "{\"error\":{}}"),
        (body("other.attest.localhost", host, &good), 403, "attestation failed"),
        (body(attestation, &format!("https://{host}"), &good), 403, "https://https://"),
        (body(attestation, host, &format!("https://{host}/keys/{good}")), 403, "KeyNotFound"),
        (body(attestation, host, &add("kept", &|key| key.exportable = false)), 403, "not exportable"),
        (body(attestation, host, &add("soft", &|key| key.hsm = false)), 403, "not exportable"),
        (body(attestation, host, &add("off", &|key| key.enabled = false)), 403, "disabled"),
        (
            body(attestation, host, &add("other", &|key| key.release_policy = Some(release_policy(attestation, "00")))),
            403,
            "release policy",
        ),
        (
            body(
                attestation,
                host,
                &add("by-other", &|key| key.release_policy = Some(release_policy("a.b", sidecar.host_data()))),
            ),
            403,
            "release policy",
        ),
    ] {
        let answer = post(&request).await;
        assert!(answer.0 == status && answer.1.contains(expected), "{request}: {answer:?}");
    }
    for (method, path, status) in
        [(Method::GET, "/status", 200), (Method::GET, "/key/release", 404), (Method::POST, "/attest/raw", 404)]
    {
        let answer = client(&azure).request(method, format!("{}{path}", sidecar.url())).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
}
