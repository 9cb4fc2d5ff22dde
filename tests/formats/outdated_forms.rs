//! Operations in forms of older protocols: the refusal mentions it.

use crate::samples::PAYLOADS;
use azurehsm_signer::tezos::payload::{NotUnderstood, Payload};
use oracle::crypto::Curve;
use oracle::payload::operations::{CONTENTS_AT, Manager, TZ3, manager as manager_operation, payload};
use oracle::reading::read;

/// The content of one of the suite's payloads.
fn content(name: &str) -> Vec<u8> {
    PAYLOADS[&format!("decode/operation/{name}")][CONTENTS_AT..].to_vec()
}

/// A manager operation with this tag and these specific fields.
fn manager(tag: u8, fields: &[u8]) -> Vec<u8> {
    manager_operation(tag, Manager { source: TZ3, fee: 1000 }, fields)
}

/// The part of the refusal of these contents after the error.
fn hint(contents: &[u8]) -> Option<String> {
    let payload = payload(&[contents.to_vec()]);
    let error = Payload::decode(&payload, azurehsm_signer::tezos::Curve::P256).unwrap_err();
    NotUnderstood::new(error, &payload).outdated.map(|outdated| outdated.to_string())
}

const ED25519_KEY: [u8; 33] = [0x00; 33];

fn old_reveal() -> Vec<u8> {
    manager(107, &ED25519_KEY)
}

fn old_publish() -> Vec<u8> {
    manager(230, &[[0, 0, 5, 51].as_slice(), &[31], &[0xd7; 48 + 96]].concat())
}

fn old_originate() -> Vec<u8> {
    manager(200, &[[1].as_slice(), &[0, 0, 0, 2, 0xaa, 0xbb], &[0, 0, 0, 1, 0xcc], &[0, 0, 0, 2, 0x03, 0x69]].concat())
}

/// As from clients that are too old for the protocol, such as Taquito before 23 and tzgo 1.25.
#[test]
fn the_refusal_of_an_outdated_form_mentions_it() {
    const NO_PROOF: &str = "without the byte for a proof of possession";
    const LEVEL: &str = "older form of dal_publish_commitment, with a level";
    const PROOF: &str = "older form of smart_rollup_originate, with an origination proof";
    let transfer = || content("transaction-of-nothing");
    let reveal = || content("reveal-ed25519");
    let publish = || content("dal_publish_commitment");
    let originate = || content("smart_rollup_originate");
    for (contents, expected) in [
        (vec![old_reveal()], NO_PROOF),
        (vec![manager(107, &[0x01; 34])], NO_PROOF),
        (vec![manager(107, &[0x03; 49])], "older form of reveal"),
        (vec![manager(114, &ED25519_KEY)], "older form of update_consensus_key"),
        (vec![old_publish()], LEVEL),
        (vec![old_originate()], PROOF),
        (vec![manager(204, &[])], "incomplete form of smart_rollup_refute"),
        (vec![old_reveal(), transfer()], "older form of reveal"),
        (vec![transfer(), old_reveal(), transfer()], "older form of reveal"),
        (vec![reveal(), manager(114, &ED25519_KEY)], "older form of update_consensus_key"),
        (vec![old_reveal(), manager(114, &ED25519_KEY)], "older form of reveal"),
        (vec![old_publish(), old_publish()], LEVEL),
        (vec![old_reveal(), publish()], "older form of reveal"),
        (vec![originate(), old_publish()], LEVEL),
        (vec![old_originate(), publish()], PROOF),
        (vec![old_originate(), old_publish()], PROOF),
        (vec![reveal(), manager(204, &[])], "incomplete form of smart_rollup_refute"),
    ] {
        let hint = hint(&contents.concat()).unwrap_or_else(|| panic!("no hint for {expected}"));
        assert!(hint.contains(expected), "{expected}: {hint}");
    }
    assert!(hint(&old_reveal()).unwrap().ends_with("out of date"));
}

#[test]
fn other_errors_do_not_mention_an_outdated_form() {
    let transfer = || content("transaction-of-nothing");
    let ballot = || content("ballot-yay");
    for (title, contents) in [
        ("an older form, and one byte more", [old_reveal(), vec![0x01]].concat()),
        ("an older form, cut short", old_reveal()[..old_reveal().len() - 1].to_vec()),
        ("a commitment, cut short", old_publish()[..old_publish().len() - 1].to_vec()),
        ("a rollup, and one byte more", [old_originate(), vec![0x01]].concat()),
        ("a key of an unknown curve", manager(107, &[0x05; 33])),
        ("a companion key, of which there is no older form", manager(115, &[0x03; 49])),
        ("an older form before what is spoilt", [old_reveal(), transfer()[..20].to_vec()].concat()),
        ("an older form before what stands alone", [old_reveal(), ballot()].concat()),
        ("what stands alone before an older form", [ballot(), old_reveal()].concat()),
        ("an unfinished operation before another", [manager(204, &[]), transfer()].concat()),
        ("more than an operation may have", old_reveal().repeat(1000)),
        ("nothing", Vec::new()),
    ] {
        assert_eq!(hint(&contents), None, "{title}");
    }
    // A payload truncated by one byte, or by all fields of its last content, looks exactly like that of an old client.
    let has_older_form = ["reveal", "update_consensus_key", "smart_rollup_refute", "batch"];
    for (id, payload) in PAYLOADS.iter() {
        let Some(name) = id.strip_prefix("decode/operation/") else { continue };
        if read(payload, Curve::P256).is_err() || has_older_form.iter().any(|form| name.starts_with(form)) {
            continue;
        }
        for length in CONTENTS_AT..payload.len() {
            assert_eq!(hint(&payload[CONTENTS_AT..length]), None, "{id}, {length} bytes");
        }
    }
    let vote = [[0x13].as_slice(), &old_reveal()].concat();
    let error = Payload::decode(&vote, azurehsm_signer::tezos::Curve::P256).unwrap_err();
    assert_eq!(NotUnderstood::new(error, &vote).outdated, None);
}
