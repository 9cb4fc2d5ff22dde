//! The headers of answers for programs: verdict, reason, store, policy and version.

use crate::support::http::{self, Answer};
use crate::support::payloads::{bls_attestation, payload, transfer};
use crate::support::process::{Signer, complaint, printed, run};
use azurehsm_signer::answer::header;
use azurehsm_signer::tezos::payload::Kind;
use std::collections::HashMap;
use std::path::Path;

const UNKNOWN: &str = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";

const POLICY: &str = r#"{"default":{"kinds":["block","attestation"],"proof_of_possession":true}}"#;

/// The store and the policy in an answer's headers.
fn identity(answer: &Answer) -> [&str; 2] {
    [header::STORE, header::POLICY].map(|name| answer.header(name))
}

fn identity_of(signer: &Signer) -> [String; 2] {
    identity(&http::get(signer.address, "/authorized_keys").unwrap()).map(str::to_owned)
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[test]
fn each_answer_has_a_verdict_a_reason_unless_positive_and_the_identity_of_its_signer() {
    let folder = tempfile::tempdir().unwrap();
    for curve in ["p256", "bls"] {
        assert!(run(folder.path(), &["keys", "generate", curve, "--curve", curve], "").status.success());
    }
    let signer = Signer::start(folder.path(), &[("POLICY", POLICY)]);
    let keys: HashMap<_, _> = signer.keys().into_iter().collect();
    let (p256, tz4) = (&keys["p256"], &keys["bls"]);
    let request = |method: &str, path: &str, headers: &[&str], body: &str| {
        let headers = [&["host: signer", "connection: close"], headers].concat();
        http::send(signer.address, http::request(method, path, &headers, body).as_bytes()).unwrap()
    };
    let get = |path: &str| request("GET", path, &[], "");
    let post = |key: &str, query: &str, payload: &[u8]| {
        request("POST", &format!("/keys/{key}{query}"), &[], &format!("\"{}\"", hex::encode(payload)))
    };
    let sign = |payload: &[u8]| post(p256, "", payload);
    let vote = |level, variant| payload(Kind::Attestation, level, 0, variant);
    let rows = [
        (get("/keys"), 200, "answered", ""),
        (get(&format!("/keys/{p256}")), 200, "answered", ""),
        (get("/authorized_keys"), 200, "answered", ""),
        (request("HEAD", "/keys", &[], ""), 200, "answered", ""),
        (get(&format!("/bls_prove_possession/{tz4}")), 200, "signed", ""),
        (get(&format!("/bls_prove_possession/{p256}")), 403, "refused", "no_possession"),
        (get("/known_keys"), 403, "refused", "request"),
        (get("/nowhere"), 404, "refused", "request"),
        (get("/keys/tz1"), 404, "refused", "request"),
        (get(&format!("/keys/{UNKNOWN}")), 404, "refused", "unknown_key"),
        (request("PUT", "/keys", &[], ""), 405, "refused", "request"),
        (request("POST", &format!("/keys/{p256}"), &[], "\"zz\""), 400, "refused", "request"),
        (request("POST", &format!("/keys/{p256}"), &["origin: https://a"], "\"03\""), 403, "refused", "request"),
        (request("POST", &format!("/keys/{p256}"), &[], &"0".repeat(131_073)), 413, "refused", "request"),
        (post(p256, "?version=x", &vote(10, 0)), 400, "refused", "request"),
        (sign(&vote(10, 0)), 200, "signed", ""),
        (sign(&vote(10, 0)), 200, "signed", ""),
        (sign(&vote(10, 1)), 409, "refused", "different_data"),
        (sign(&vote(9, 0)), 409, "refused", "below_mark"),
        (sign(&vote(200_000, 0)), 409, "refused", "too_far"),
        (sign(&payload(Kind::Block, 10, 0, 0)), 200, "signed", ""),
        (sign(&payload(Kind::Preattestation, 10, 0, 0)), 403, "refused", "policy"),
        (sign(&transfer(1, 1)), 403, "refused", "policy"),
        (sign(&[0x07]), 403, "refused", "payload"),
        (post(UNKNOWN, "", &vote(10, 0)), 404, "refused", "unknown_key"),
        (post(tz4, "?version=0", &bls_attestation(10, 0, 0)), 403, "refused", "version"),
    ];
    let [store, policy] = identity_of(&signer);
    assert!(is_digest(&store) && is_digest(&policy), "{store} {policy}");
    for (answer, status, verdict, reason) in rows {
        assert_eq!((answer.status, answer.header(header::VERDICT)), (status, verdict), "{answer:?}");
        assert_eq!(answer.header(header::REASON), reason, "{answer:?}");
        assert_eq!(identity(&answer), [&store, &policy], "{answer:?}");
        assert_eq!(answer.header(header::VERSION), env!("CARGO_PKG_VERSION"), "{answer:?}");
    }
    for (method, path, verdict, reason) in
        [("GET", "/", "answered", ""), ("GET", "/health", "answered", ""), ("POST", "/health", "refused", "request")]
    {
        let answer = request(method, path, &[], "");
        assert_eq!((answer.header(header::VERDICT), answer.header(header::REASON)), (verdict, reason), "{answer:?}");
        let named: Vec<_> = answer.headers.keys().filter(|name| name.starts_with("x-signer-")).collect();
        assert!(named.iter().all(|name| [header::VERDICT, header::REASON].contains(&name.as_str())), "{named:?}");
    }
}

#[test]
fn failures_and_an_unhealthy_signer_have_the_verdict_failed() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[("NODE_URLS", "http://127.0.0.1:9")]);
    let answer = http::sign(signer.address, &signer.only_key(), &payload(Kind::Attestation, 10, 0, 0)).unwrap();
    assert_eq!((answer.status, answer.header(header::VERDICT)), (500, "failed"));
    assert_eq!(answer.header(header::REASON), "head_unknown");
    let health = http::get(signer.address, "/health").unwrap();
    assert_eq!((health.status, health.header(header::VERDICT)), (503, "failed"));
    assert_eq!(health.header(header::REASON), "not_ready");
}

#[test]
fn the_identity_of_an_embedded_store_is_permanent_and_unique() {
    let [one, two] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let store = |data: &Path, arguments: &[&str]| run(data, &[&["marks", "store"], arguments].concat(), "");
    assert!(complaint(&store(one.path(), &[])).contains("there is no mark store"));

    let signer = Signer::start(one.path(), &[]);
    let first = identity_of(&signer);
    signer.kill();
    let shown: serde_json::Value = serde_json::from_str(&printed(&store(one.path(), &["--json"]))).unwrap();
    assert_eq!((shown["store"].as_str(), shown["digest"].as_str()), (Some("embedded"), Some(first[0].as_str())));
    let text = printed(&store(one.path(), &[]));
    let expected =
        format!("store      embedded\nid         {}\ndigest     {}\n", shown["id"].as_str().unwrap(), first[0]);
    assert_eq!(text, expected);

    let again =
        Signer::start(one.path(), &[("POLICY", r#"{"default":{"kinds":["attestation","preattestation","block"]}}"#)]);
    assert_eq!(identity_of(&again), first, "it has the same rules as the default policy");
    let other = Signer::start(two.path(), &[("POLICY", POLICY)]);
    let [store, policy] = identity_of(&other);
    assert!(store != first[0] && policy != first[1]);
}
