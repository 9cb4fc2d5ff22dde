//! Texts about payloads: reasons for refusals, kinds, addresses, numbers and positions.

use crate::samples::PAYLOADS;
use azurehsm_signer::tezos::Curve;
use azurehsm_signer::tezos::payload::operations::{Address, OperationKind};
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Payload, Position};
use std::collections::BTreeSet;

fn position(level: i32, round: i32) -> Position {
    Position { level: NonNegative::try_from(level).unwrap(), round: NonNegative::try_from(round).unwrap() }
}

#[test]
fn a_refusal_explains_the_error_and_what_is_expected() {
    for (case, expected) in [
        ("watermark/empty", "byte 0: the payload is empty, expected a watermark byte (11, 12, 13, 03 or 05)"),
        (
            "watermark/blueprint",
            "byte 0: watermark byte f8 is not supported; expected 11 (block), 12 (preattestation), 13 (attestation), 03 \
             (operation) or 05 (packed data)",
        ),
        ("block/cut-level", "byte 5: the level needs 4 bytes, but only 3 remain"),
        ("block/cut-protocol-data", "byte 152: the protocol data needs 46 bytes, but only 45 remain"),
        ("block/negative-level", "byte 5: the level is -1, which is negative"),
        ("block/negative-round", "byte 116: the round is -1, which is negative"),
        ("block/levels-differ", "byte 96: the fitness has level 1332, but the header has level 1331"),
        ("block/emmy-fitness", "byte 91: the fitness version is 1, expected 2 (Tenderbake)"),
        ("block/round-of-two-bytes", "byte 112: the round is 2, expected a length of 4"),
        ("block/round-of-five-bytes", "byte 112: the round has 5 bytes, at most 4 are possible"),
        (
            "block/locked-round-of-three-bytes",
            "byte 100: the locked round is 3, expected a length of 4, or of 0 for no locked round",
        ),
        (
            "block/predecessor-round-not-inverted",
            "byte 108: the predecessor's round is 0, expected a negative number: minus the round, minus one",
        ),
        ("block/sixth-element", "byte 120: unexpected data after the end of the fitness (bytes: 4)"),
        ("block/fitness-of-38-bytes", "byte 83: the fitness has 38 bytes, at most 37 are possible"),
        ("block/much-protocol-data", "byte 152: the protocol data has 1025 bytes, at most 1024 are possible"),
        ("attestation/trailing-byte", "byte 80: unexpected data after the end of the vote (bytes: 1)"),
        ("preattestation/tag-30", "byte 37: content tag 30 is not one of a preattestation: 20 and 40 are"),
        ("attestation/tag-30", "byte 37: content tag 30 is not one of an attestation: 21, 23 and 41 are"),
        (
            "attestation/tag-21-by-bls",
            "byte 37: content tag 21 is not for tz4 keys: 40 and 41 are for tz4, 20, 21 and 23 for tz1, tz2 and tz3",
        ),
        ("attestation-dal/endless-content", "byte 80: the DAL content does not end within 1 bytes"),
        ("attestation-dal/very-long-content", "byte 80: the DAL content does not end within 1024 bytes"),
        ("operation/no-contents", "byte 33: no contents after the branch"),
        (
            "operation/consensus-tag-21",
            "byte 33: content tag 21 is a consensus operation, which watermark byte 03 cannot carry",
        ),
        (
            "operation/removed-tag-150",
            "byte 33: content tag 150 (a transaction rollup operation) is not supported: these rollups were removed from Tezos",
        ),
        ("operation/transfer-behind-drain", "byte 33: drain_delegate cannot be part of a batch"),
        ("operation/destination-of-unknown-kind", "byte 66: 2 is not a tag of an address"),
        ("operation/contract-without-its-zero", "byte 87: the destination is 1, expected 0 after a contract"),
        ("operation/presence-of-one", "byte 88: the presence of parameters is 1, expected 0 (absent) or 255 (present)"),
        ("operation/fee-of-eleven-bytes", "byte 55: the fee does not end within 10 bytes"),
        ("operation/fee-overlong", "byte 56: the fee ends with a redundant zero byte"),
        ("operation/fee-of-64-bits", "byte 55: the fee is larger than any amount of mutez"),
        ("operation/entrypoint-with-a-space", "byte 96: the entrypoint has the invalid byte 20"),
        ("operation/proof-of-95-bytes", "byte 115: the length of the proof of possession is 95, expected 96"),
        ("operation/storage-for-an-account", "byte 66: the contract is 0, expected 1 (a contract)"),
    ] {
        let curve = if case.ends_with("by-bls") { Curve::Bls } else { Curve::P256 };
        let error = Payload::decode(&PAYLOADS[&format!("decode/{case}")], curve).unwrap_err();
        assert_eq!(error.to_string(), expected, "{case}");
    }
}

/// As in policies.
#[test]
fn kinds_of_operations_and_addresses_survive_a_text_round_trip() {
    let mut kinds = BTreeSet::new();
    for payload in PAYLOADS.values() {
        let Ok(Payload::Operations(operations)) = Payload::decode(payload, Curve::P256) else { continue };
        for content in operations.contents {
            let addresses = content.source.map(|source| source.to_string()).into_iter();
            for text in addresses.chain(content.destination.map(|destination| destination.to_string())) {
                assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
            }
            kinds.insert(content.kind);
        }
    }
    assert_eq!(kinds, OperationKind::ALL.iter().copied().collect(), "the payloads have every kind");

    for kind in OperationKind::ALL {
        assert_eq!(kind.name().parse(), Ok(*kind));
        assert_eq!(kind.to_string(), kind.name());
    }
    for text in ["", "stake", "ballot", "Transaction", "transaction:"] {
        assert!(text.parse::<OperationKind>().is_err(), "{text}");
    }
    for text in ["", "NetXdQprcVkpaWU", "edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav"] {
        assert!(text.parse::<Address>().is_err(), "{text}");
    }
}

/// As in marks and policies.
#[test]
fn kinds_and_numbers_survive_a_text_round_trip() {
    for (kind, name) in
        [(Kind::Block, "block"), (Kind::Preattestation, "preattestation"), (Kind::Attestation, "attestation")]
    {
        assert_eq!(kind.to_string(), name);
        assert_eq!(name.parse(), Ok(kind));
    }
    assert!("endorsement".parse::<Kind>().is_err());

    assert_eq!(NonNegative::ZERO.get(), 0);
    assert_eq!(NonNegative::MAX.get(), 2_147_483_647);
    for (text, expected) in [("0", Some(0)), ("2147483647", Some(i32::MAX.unsigned_abs()))] {
        assert_eq!(text.parse::<NonNegative>().ok().map(NonNegative::get), expected);
    }
    for text in ["", "-1", "2147483648", "4294967296", "1.0", "0x1", " 1"] {
        assert!(text.parse::<NonNegative>().is_err(), "{text}");
    }
    assert!(NonNegative::try_from(1_u32 << 31).is_err());
    assert!(NonNegative::try_from(-1_i32).is_err());

    assert_eq!(position(7, 1).to_string(), "level 7, round 1");
    // As written by `marks raise`.
    assert_eq!(position(7, i32::MAX).to_string(), "level 7, all rounds");
}

#[test]
fn positions_are_ordered_by_level_and_then_by_round() {
    let ascending = [(0, 0), (0, 1), (0, i32::MAX), (1, 0), (1, 1), (2, 0), (i32::MAX, 0), (i32::MAX, i32::MAX)];
    for (index, (level, round)) in ascending.into_iter().enumerate() {
        for (other, (other_level, other_round)) in ascending.into_iter().enumerate() {
            assert_eq!(position(level, round).cmp(&position(other_level, other_round)), index.cmp(&other));
        }
    }
}
