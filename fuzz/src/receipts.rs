//! The votes in a node's answer. An input is the JSON of a block's consensus operations.

use azurehsm_signer::chain::blocks::{Form, Receipt, read_receipts};
use azurehsm_signer::tezos::payload::Kind;
use serde_json::Value;
use serde_json::value::RawValue;

/// Each vote that is read is in the JSON, as an independent reading finds it; reading the votes of one key gives those among all.
pub fn check(input: &[u8]) {
    let Ok(all) = read_receipts(input, |_| true) else { return };
    serde_json::from_slice::<&RawValue>(input).expect("what is read is JSON");
    // A field that is not read may have a number that is too large for a float.
    let Ok(json) = serde_json::from_slice::<Value>(input) else { return };
    let present: Vec<_> = json.as_array().expect("a list").iter().flat_map(votes).collect();
    for vote in &all.votes {
        assert!(present.contains(&described(vote)), "{vote:?} is not in {present:?}");
    }
    let Some(first) = all.votes.first() else { return };
    let address = first.consensus_key.to_string();
    let ours = read_receipts(input, |voter| voter.consensus_key == address).expect("it was read before");
    for vote in all.votes.iter().filter(|vote| vote.consensus_key == first.consensus_key) {
        assert!(ours.votes.contains(vote), "{vote:?} is not among those of its key");
    }
    assert!(ours.votes.iter().all(|vote| vote.consensus_key == first.consensus_key));
}

/// A vote: operation, kind, level, round, payload hash, delegate, consensus key, slot, whether it has DAL content.
type Vote = (String, &'static str, u64, u64, String, String, String, u64, bool);

fn described(vote: &Receipt) -> Vote {
    let has_dal = match &vote.form {
        Form::Single { dal, .. } => dal.is_some(),
        Form::Aggregated { with_dal } => *with_dal,
    };
    (
        vote.operation.to_string(),
        if vote.kind == Kind::Preattestation { "preattestation" } else { "attestation" },
        vote.position.level.get().into(),
        vote.position.round.get().into(),
        vote.payload_hash.to_string(),
        vote.delegate.to_string(),
        vote.consensus_key.to_string(),
        vote.slot.into(),
        has_dal,
    )
}

/// The votes of an operation, in JSON.
fn votes(operation: &Value) -> Vec<Vote> {
    let contents = operation["contents"].as_array().cloned().unwrap_or_default();
    contents.iter().flat_map(|content| of_content(operation, content)).collect()
}

fn of_content(operation: &Value, content: &Value) -> Vec<Vote> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
    let (kind, is_aggregate) = match text(&content["kind"]).as_str() {
        "preattestation" => ("preattestation", false),
        "attestation" | "attestation_with_dal" => ("attestation", false),
        "preattestations_aggregate" => ("preattestation", true),
        "attestations_aggregate" => ("attestation", true),
        _ => return Vec::new(),
    };
    let subject = if is_aggregate { &content["consensus_content"] } else { content };
    let vote = |member: &Value, key: &str, slot: u64, has_dal: bool| {
        (
            text(&operation["hash"]),
            kind,
            number(&subject["level"]),
            number(&subject["round"]),
            text(&subject["block_payload_hash"]),
            text(&member["delegate"]),
            text(&member[key]),
            slot,
            has_dal,
        )
    };
    if !is_aggregate {
        let has_dal = content.get("dal_attestation").is_some_and(|dal| !dal.is_null());
        return vec![vote(&content["metadata"], "consensus_key", number(&content["slot"]), has_dal)];
    }
    let slots = content["committee"].as_array().cloned().unwrap_or_default();
    let members = content["metadata"]["committee"].as_array().cloned().unwrap_or_default();
    let pairs = slots.iter().zip(&members);
    let of_pair = |(slot, member): (&Value, &Value)| {
        if kind == "preattestation" {
            vote(member, "consensus_pkh", number(slot), false)
        } else {
            let has_dal = slot.get("dal_attestation").is_some_and(|dal| !dal.is_null());
            vote(member, "consensus_pkh", number(&slot["slot"]), has_dal)
        }
    };
    pairs.map(of_pair).collect()
}
