use super::*;
use serde_json::{Value, json};

const OURS: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
const DELEGATE: &str = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";
const BLS: &str = "tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn";
const BRANCH: &str = "BKpbfCvh777DQHnXjU2sqHvVUNZ7dBAdqEfKkdw8EGSkD9LSYXb";
const PAYLOAD: &str = "vh1g87ZG6scSYxKhspAUzprQVuLAyoa5qMBKcUfjgnQGnFb3dJcG";
const SIGNATURE: &str =
    "sigMzJ4GVAvXEd2RjsKGfG2H9QvqTSKCZsuB2KiHbZRGFz72XgF6KaKADznh674fQgBatxw3xdHqTtMHUZAGRprxy64wg1aq";

/// An operation as a node of protocol 025 returns it.
fn operation(content: &Value) -> Value {
    json!({
        "protocol": "PsUshuaia", "chain_id": "NetXdQprcVkpaWU",
        "hash": OperationHash::from_bytes([9; 32]).to_string(), "branch": BRANCH,
        "contents": [content], "signature": SIGNATURE,
    })
}

fn single(kind: &str, dal: Option<&str>) -> Value {
    let mut content = json!({
        "kind": kind, "slot": 17, "level": 1331, "round": 2, "block_payload_hash": PAYLOAD,
        "metadata": {
            "balance_updates": [], "delegate": DELEGATE, "consensus_power": {"slots": 4, "baking_power": "123"},
            "consensus_key": OURS,
        },
    });
    if let Some(dal) = dal {
        content["dal_attestation"] = dal.into();
    }
    operation(&content)
}

fn aggregate(kind: &str, committee: &Value) -> Value {
    let member = |delegate, key| json!({"delegate": delegate, "consensus_pkh": key, "consensus_power": 4});
    operation(&json!({
        "kind": kind,
        "consensus_content": {"level": 1331, "round": 2, "block_payload_hash": PAYLOAD},
        "committee": committee,
        "metadata": {
            "balance_updates": [],
            "committee": [member(BLS, BLS), member(DELEGATE, BLS), member(OURS, "tz5anything")],
            "total_consensus_power": 12,
        },
    }))
}

fn attesters() -> Value {
    json!([{"slot": 3}, {"slot": 7, "dal_attestation": "0"}, {"slot": 9, "dal_attestation": "2048"}])
}

fn all_of(operations: &[Value]) -> Receipts {
    read(&serde_json::to_vec(operations).unwrap(), |voter| voter.consensus_key != "tz5anything").unwrap()
}

#[test]
fn each_form_of_a_vote_is_read() {
    let signature: Option<SignatureText> = Some(SIGNATURE.parse().unwrap());
    let single_form = |dal: Option<&str>| Form::Single { dal: dal.map(|dal| dal.parse().unwrap()), signature };
    let aggregated = |with_dal| Form::Aggregated { with_dal };
    for (operation, kind, expected) in [
        (single("preattestation", None), Kind::Preattestation, vec![(OURS, 17, single_form(None))]),
        (single("attestation", None), Kind::Attestation, vec![(OURS, 17, single_form(None))]),
        (single("attestation_with_dal", Some("2048")), Kind::Attestation, vec![(OURS, 17, single_form(Some("2048")))]),
        (
            aggregate("preattestations_aggregate", &json!([3, 7, 9])),
            Kind::Preattestation,
            vec![(BLS, 3, aggregated(false)), (BLS, 7, aggregated(false))],
        ),
        (
            aggregate("attestations_aggregate", &attesters()),
            Kind::Attestation,
            vec![(BLS, 3, aggregated(false)), (BLS, 7, aggregated(true))],
        ),
    ] {
        let Receipts { votes, unreadable } = all_of(&[operation]);
        assert_eq!(unreadable, 0);
        let found: Vec<_> =
            votes.iter().map(|vote| (vote.consensus_key.to_string(), vote.slot, vote.form.clone())).collect();
        let expected: Vec<_> = expected.into_iter().map(|(key, slot, form)| (key.to_owned(), slot, form)).collect();
        assert_eq!(found, expected);
        for vote in votes {
            assert_eq!((vote.kind, vote.position.to_string()), (kind, "level 1331, round 2".to_owned()));
            assert_eq!(
                (vote.branch.to_string(), vote.payload_hash.to_string()),
                (BRANCH.to_owned(), PAYLOAD.to_owned())
            );
            assert_eq!(vote.operation, OperationHash::from_bytes([9; 32]));
        }
    }
}

#[test]
fn only_wanted_voters_are_returned_by_the_key_that_signed() {
    let block =
        serde_json::to_vec(&[single("attestation", None), aggregate("attestations_aggregate", &attesters())]).unwrap();
    let count = |wanted: &dyn Fn(&Voter<'_>) -> bool| read(&block, wanted).unwrap().votes.len();
    assert_eq!(count(&|_| false), 0);
    assert_eq!(count(&|voter| voter.consensus_key == OURS), 1);
    // The delegate's own key signs nothing here.
    assert_eq!(count(&|voter| voter.consensus_key == DELEGATE), 0);
    assert_eq!(count(&|voter| voter.delegate == DELEGATE), 2);
}

#[test]
fn other_operations_are_skipped_and_malformed_ones_hide_no_other() {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut operation = single("attestation", None);
        change(&mut operation);
        operation
    };
    let content =
        |field: &'static str, value: Value| changed(&|operation| operation["contents"][0][field] = value.clone());
    for (name, operation, unreadable) in [
        ("of a later protocol", content("kind", json!("attestation_of_tomorrow")), 0),
        ("a seed nonce", operation(&json!({"kind": "seed_nonce_revelation", "level": "3", "metadata": 7})), 0),
        ("no metadata", changed(&|operation| operation["contents"][0]["metadata"] = Value::Null), 1),
        ("metadata of another form", content("metadata", json!({"delegate": DELEGATE})), 1),
        ("a negative level", content("level", json!(-1)), 1),
        ("a level out of range", content("level", json!(2_147_483_648_u32)), 1),
        ("a round of another type", content("round", json!("2")), 1),
        ("a slot out of range", content("slot", json!(65536)), 1),
        ("DAL content of another form", content("dal_attestation", json!("x")), 1),
        ("a payload hash of another form", content("block_payload_hash", json!(BRANCH)), 1),
        ("no kind", content("kind", Value::Null), 1),
        ("no branch", changed(&|operation| operation["branch"] = Value::Null), 1),
        ("a wrong signature", changed(&|operation| operation["signature"] = "sig1".into()), 1),
        ("not an object", json!(7), 1),
        ("too few members", aggregate("attestations_aggregate", &json!([{"slot": 3}])), 1),
        ("slots of another form", aggregate("attestations_aggregate", &json!([3, 7, 9])), 1),
        ("members of another form", aggregate("preattestations_aggregate", &attesters()), 1),
    ] {
        let good = single("attestation", None);
        let receipts = all_of(&[good.clone(), operation, good]);
        assert_eq!((receipts.votes.len(), receipts.unreadable), (2, unreadable), "{name}");
    }
    for json in ["", "{}", "null", "[", "[{]", "7"] {
        assert_eq!(read(json.as_bytes(), |_| true), Err(NotOperations), "{json}");
    }
    assert_eq!(read(b"[]", |_| true), Ok(Receipts::default()));
}

#[test]
fn a_missing_signature_is_read_as_missing() {
    let mut unsigned = single("attestation", None);
    unsigned.as_object_mut().unwrap().remove("signature");
    let Receipts { votes, .. } = all_of(&[unsigned]);
    assert_eq!(votes[0].form, Form::Single { dal: None, signature: None });
}
