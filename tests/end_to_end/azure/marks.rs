//! Marks in Cosmos DB: their contents, and that they outlive instances.

use crate::azure::cloud::{self, add, baker, stored};
use crate::azure::instance::Instance;
use crate::support::http;
use crate::support::payloads::{MAINNET, block, payload};
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{BlsScheme, Curve, Digest, SecretKey, authentication::request_to_authenticate};
use serde_json::Value;
use stand_ins::{Curve as VaultCurve, NewKey, Operation};

#[test]
fn a_mark_contains_what_an_auditor_needs_and_nothing_else() {
    let azure = cloud::start();
    let key = baker(&azure);
    let requester = SecretKey::generate(Curve::Ed25519).unwrap();
    let signer = Instance::start_ready(&azure, &[("AUTHORIZED_KEYS", &requester.public_key().to_string())]);
    let unauthorized = signer.sign(&key.hash, &block(7, 0, 0));
    assert_eq!((unauthorized.status, stored(&azure, &key, Kind::Block)), (401, None));
    for kind in Kind::ALL {
        let payload = payload(kind, 7, 2, 0);
        let signed = request_to_authenticate(&key.hash.parse().unwrap(), &payload);
        let authentication = requester.sign(&signed, BlsScheme::default()).unwrap();
        let path = format!("/keys/{}?authentication={authentication}", key.hash);
        let body = format!("\"{}\"", hex::encode(&payload));
        let signature = http::post(signer.address, &path, body.as_bytes()).unwrap().signature();
        check_mark(&stored(&azure, &key, kind).unwrap(), &key.hash, kind, &payload, &signature, Some(&requester));
    }
    let given = "instance-of-the-platform";
    let signer = Instance::start_ready(&azure, &[("WEBSITE_INSTANCE_ID", given)]);
    let payload = payload(Kind::Attestation, 7, 3, 0);
    let signature = signer.sign(&key.hash, &payload).signature();
    let mark = stored(&azure, &key, Kind::Attestation).unwrap();
    let platform = signer.named_by_host().unwrap_or_else(|| given.to_owned());
    assert!(mark["instance"].as_str().unwrap().starts_with(&format!("{platform}/")), "{mark}");
    assert_eq!(mark["round"], 3);
    check_mark(&mark, &key.hash, Kind::Attestation, &payload, &signature, None);
    assert_eq!(azure.cosmos.requests(Operation::Other), 0);
}

fn check_mark(mark: &Value, key: &str, kind: Kind, payload: &[u8], signature: &str, requester: Option<&SecretKey>) {
    let text = |field: &str| mark[field].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("id"), format!("{MAINNET}:{key}:{kind}"));
    assert_eq!(text("pkh"), key);
    assert_eq!(mark["level"], 7);
    assert_eq!(text("digest"), Digest::of(payload).to_string());
    assert!(text("attempt").len() == 32 && text("instance").contains('/') && text("written_at").ends_with('Z'));
    let requester = requester.map(|requester| requester.public_key().hash().to_string());
    assert_eq!(mark.get("requester").map(|_| text("requester")), requester);
    let signature = (kind == Kind::Block).then(|| signature.to_owned());
    assert_eq!(mark.get("signature").map(|_| text("signature")), signature);
    let mut expected = vec![
        "attempt",
        "digest",
        "has_signed",
        "id",
        "instance",
        "level",
        "pkh",
        "round",
        "sequence",
        "signed",
        "written_at",
    ];
    expected.extend(mark["sequence"].as_u64().filter(|sequence| *sequence > 1).map(|_| "previous"));
    expected.extend(signature.map(|_| "signature"));
    expected.extend(requester.map(|_| "requester"));
    expected.sort_unstable();
    let mut fields: Vec<_> = mark.as_object().unwrap().keys().map(String::as_str).collect();
    // Fields of the service have this prefix.
    fields.retain(|field| !field.starts_with('_'));
    fields.sort_unstable();
    assert_eq!(fields, expected);
}

#[test]
fn a_restart_and_another_instance_answer_repeats_and_refuse_conflicts() {
    let azure = cloud::start();
    let key = baker(&azure);
    let first = Instance::start_ready(&azure, &[]);
    let other = Instance::start_ready(&azure, &[]);
    let before: Vec<_> =
        Kind::ALL.map(|kind| (kind, first.sign(&key.hash, &payload(kind, 7, 1, 0)).signature())).into();
    drop(first);
    let restarted = Instance::start(&azure, &[]);
    for (kind, signature) in before {
        for signer in [&restarted, &other, &restarted] {
            let again = signer.sign(&key.hash, &payload(kind, 7, 1, 0)).signature();
            key.verify(&payload(kind, 7, 1, 0), &again);
            assert!(kind != Kind::Block || again == signature, "a second signature of one block");
            let conflict = signer.sign(&key.hash, &payload(kind, 7, 1, 1));
            assert_eq!(conflict.status, 409);
            assert!(conflict.error().contains("already signed with different data"), "{conflict:?}");
            assert_eq!(signer.sign(&key.hash, &payload(kind, 7, 0, 0)).status, 409, "a lower round");
            assert_eq!(signer.sign(&key.hash, &payload(kind, 6, 9, 0)).status, 409, "a lower level");
        }
        // Each continues where the other stopped.
        other.sign(&key.hash, &payload(kind, 8, 0, 0)).signature();
        assert_eq!(restarted.sign(&key.hash, &payload(kind, 8, 0, 1)).status, 409);
        restarted.sign(&key.hash, &payload(kind, 8, 1, 0)).signature();
        assert_eq!(other.sign(&key.hash, &payload(kind, 8, 0, 0)).status, 409);
    }
    let others = azure.key_vault.requests(Operation::Other) + azure.cosmos.requests(Operation::Other);
    assert_eq!(others, 0, "the role permits nothing else");
}

#[test]
fn in_the_steady_state_a_vote_costs_one_write_and_one_signature() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    azure.cosmos.reset_requests();
    azure.key_vault.reset_requests();
    for level in 1..=20 {
        signer.sign(&key.hash, &payload(Kind::Attestation, level, 0, 0)).signature();
        assert_eq!(
            azure.cosmos.requests(Operation::ReadItem),
            2,
            "only the first one reads: the mark, and the key's stops"
        );
    }
    let writes = [Operation::CreateItem, Operation::ReplaceItem].map(|operation| azure.cosmos.requests(operation));
    assert_eq!(writes, [1, 19]);
    assert_eq!(azure.key_vault.requests(Operation::Sign), 20);
    assert_eq!(azure.key_vault.requests(Operation::Unauthorized), 0);
    assert_eq!(azure.key_vault.requests(Operation::Other) + azure.cosmos.requests(Operation::Other), 0);
}

/// The request charge of a write depends on the size: `docs/costs.md` has what follows from it.
#[test]
fn a_full_mark_is_small() {
    let azure = cloud::start();
    let key = baker(&azure);
    let requester = SecretKey::generate(Curve::Ed25519).unwrap();
    let signer = Instance::start_ready(&azure, &[("AUTHORIZED_KEYS", &requester.public_key().to_string())]);
    for level in 1..=66 {
        let payload = payload(Kind::Block, level, 0, 0);
        let signed = request_to_authenticate(&key.hash.parse().unwrap(), &payload);
        let authentication = requester.sign(&signed, BlsScheme::default()).unwrap();
        let path = format!("/keys/{}?authentication={authentication}", key.hash);
        http::post(signer.address, &path, format!("\"{}\"", hex::encode(&payload)).as_bytes()).unwrap().signature();
    }
    let mark = stored(&azure, &key, Kind::Block).unwrap();
    assert_eq!((&mark["sequence"], &mark["signed_above"]["level"]), (&66.into(), &2.into()));
    assert_eq!(mark["signed"].as_str().unwrap().len(), 1368);
    let bytes = mark.to_string().len();
    assert!(bytes < 2304, "{bytes} bytes");
}

/// During a write, the SDK switches to the new container by itself, and reports success.
#[test]
fn nothing_is_released_with_a_mark_in_a_recreated_container() {
    let azure = cloud::start();
    let (used, unused) = (baker(&azure), add(&azure, NewKey::new("unused", VaultCurve::P256), 2));
    let signer = Instance::start_ready(&azure, &[]);
    for kind in [Kind::Attestation, Kind::Block] {
        signer.sign(&used.hash, &payload(kind, 7, 0, 0)).signature();
    }
    cloud::wait(azure.cosmos.recreate_container());
    for key in [&unused, &used] {
        for kind in [Kind::Attestation, Kind::Block] {
            for (level, variant) in [(8, 0), (7, 0), (7, 1)] {
                let answer = signer.sign(&key.hash, &payload(kind, level, 0, variant));
                assert_ne!(answer.status, 200, "{kind} at level {level}: {answer:?}");
            }
        }
    }
    assert!(signer.logged("\"container_recreated\"").contains("deleted and recreated"));
    let answer = signer.sign(&unused.hash, &payload(Kind::Preattestation, 1, 0, 0));
    assert!(answer.error().contains("deleted and recreated") && answer.error().contains("restart"), "{answer:?}");
}
