//! The JSON form of items: what is written, and what is read of other releases' items.

use super::*;
use crate::marks::{AttemptId, Lookup, ShortDigest};
use crate::tezos::Digest;
use serde_json::json;

/// Items written by older versions must stay readable, and the format must not change.
#[test]
fn a_mark_is_this_json() {
    let minimal = json!({"level": 5, "round": 2, "attempt": "0000000000000000000000000000002a"});
    let signature = Signature::P256([7; 64]).to_string();
    let full = json!({
        "level": 2_147_483_647, "round": 0, "digest": "01".repeat(32), "signature": signature,
        "attempt": "ffffffffffffffffffffffffffffffff", "instance": "one",
        "requester": "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT", "written_at": "2026-01-02T03:04:05Z",
    });
    for (json, is_full) in [(&minimal, false), (&full, true)] {
        let mark: Mark = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(mark.digest.is_some(), is_full);
        assert_eq!(mark.signature, is_full.then_some(Signature::P256([7; 64])));
        let written = mark.written.as_ref().map(|written| (written.instance.as_str(), written.requester.is_some()));
        assert_eq!(written, is_full.then_some(("one", true)));
        assert_eq!(serde_json::to_value(&mark).unwrap(), *json);
    }

    let with = |field: &str, value: Value| {
        let mut json = full.clone();
        json[field] = value;
        serde_json::from_value::<Mark>(json)
    };
    // The writer is for auditors: incomplete information is dropped, and the mark still counts.
    assert_eq!(with("instance", Value::Null).unwrap().written, None);
    let generic = "sigMzJ4GVAvXEd2RjsKGfG2H9QvqTSKCZsuB2KiHbZRGFz72XgF6KaKADznh674fQgBatxw3xdHqTtMHUZAGRprxy64wg1aq";
    for (field, value) in [
        ("level", json!(2_147_483_648_u32)),
        ("round", json!(-1)),
        ("digest", json!("01")),
        ("signature", json!(generic)),
        ("signature", json!("")),
        ("attempt", json!("")),
        ("requester", json!("tz1")),
    ] {
        assert!(with(field, value.clone()).is_err(), "{field}: {value}");
    }
}

fn full() -> Value {
    json!({
        "level": 2_147_483_647, "round": 2_147_483_647, "attempt": "ffffffffffffffffffffffffffffffff", "instance": "one",
        "written_at": "2026-01-02T03:04:05Z",
        "signed": "AAAABQAAAAABAQEBAQEBAQ==", "signed_above": {"level": 4, "round": 2_147_483_647}, "has_signed": true,
        "sequence": 17, "previous": "02".repeat(32), "stoppable": true,
        "stop": {
            "level": 5, "round": 0, "digest": "01".repeat(32), "signature": Signature::P256([7; 64]).to_string(),
            "origin": "0000000000000000000000000000002a",
            "stops": [
                {"id": "00000000000000000000000000000001", "reason": "moved", "by": "alice", "at": "2026-01-02T03:04:05Z"},
                {
                    "id": "00000000000000000000000000000002", "chain": "NetXdQprcVkpaWU", "reason": "foreign", "by": "one",
                    "at": "2026-01-02T03:04:05Z",
                    "evidence": {
                        "id": "03".repeat(32), "chain": "NetXdQprcVkpaWU", "kind": "attestation", "level": 7, "round": 0,
                        "source": "oo"
                    },
                },
            ],
        },
    })
}

#[test]
fn a_stopped_mark_with_a_trail_is_this_json() {
    let mark: Mark = serde_json::from_value(full()).unwrap();
    assert_eq!(serde_json::to_value(&mark).unwrap(), full());
    assert_eq!((mark.position, mark.digest), (crate::marks::STOPPED_AT, None));
    assert_eq!((mark.true_position().level.get(), mark.true_digest()), (5, Some(Digest::from_bytes([1; 32]))));
    assert_eq!(mark.stops().len(), 2);
    let trail = mark.trail.as_ref().unwrap();
    let signed = ShortDigest::of(&Digest::from_bytes([1; 32]));
    assert_eq!(trail.window.lookup(mark.true_position(), signed), Lookup::Signed);

    let lifted = json!({
        "level": 5, "round": 0, "attempt": "0000000000000000000000000000002b",
        "origin": "0000000000000000000000000000002a",
    });
    let mark: Mark = serde_json::from_value(lifted.clone()).unwrap();
    assert_eq!(mark.origin(), "2a".parse::<AttemptId>().unwrap());
    assert_eq!(serde_json::to_value(&mark).unwrap(), lifted);
}

/// What was signed is then unknown, and the mark counts as before.
#[test]
fn a_trail_that_cannot_be_read_counts_as_absent() {
    for (field, value) in [
        ("signed", Value::Null),
        ("signed", json!(5)),
        ("signed", json!("AAAA")),
        ("signed_above", json!({"level": -1, "round": 0})),
        ("signed_above", json!({"level": 9, "round": 0})),
        ("sequence", json!("17")),
        ("sequence", Value::Null),
        ("previous", json!("02")),
        ("has_signed", Value::Null),
    ] {
        let mut json = full();
        json[field] = value.clone();
        let mark: Mark = serde_json::from_value(json).unwrap();
        assert_eq!((mark.trail.as_ref(), mark.stops().len()), (None, 2), "{field}: {value}");
    }
}

/// Otherwise, a damaged stop would look like none.
#[test]
fn a_stop_that_cannot_be_read_is_an_error() {
    for (pointer, value) in [
        ("/stop", json!({})),
        ("/stop/stops", json!([])),
        ("/stop/level", json!(2_147_483_648_u32)),
        ("/stop/origin", json!("")),
        ("/stop/stops/0/at", json!("yesterday")),
        ("/stop/stops/1/chain", json!("Net")),
        ("/stop/stops/1/evidence/kind", json!("vote")),
    ] {
        let mut json = full();
        *json.pointer_mut(pointer).unwrap() = value.clone();
        assert!(serde_json::from_value::<Mark>(json).is_err(), "{pointer}: {value}");
    }
}

#[test]
fn the_stops_of_a_key_are_this_json() {
    let item = json!({
        "stops": full()["stop"]["stops"], "acknowledged": ["04".repeat(32)], "attempt": "0000000000000000000000000000002a",
        "instance": "one", "written_at": "2026-01-02T03:04:05Z",
    });
    let stops: KeyStops = serde_json::from_value(item.clone()).unwrap();
    assert_eq!(serde_json::to_value(&stops).unwrap(), item);
    assert!(stops.has_acknowledged(&Digest::from_bytes([4; 32])));
}
