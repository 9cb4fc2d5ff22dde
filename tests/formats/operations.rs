//! What a policy sees of the operations of a payload, and which of them are not signed at all.

use crate::samples::operations::{
    BRANCH, CONTENTS_AT, Field, Meaning, Sample, manager_samples, meanings, payload, payload_of_bytes, samples,
    standalone_samples,
};
use azurehsm_signer::tezos::payload::operations::{Address, OperationKind};
use azurehsm_signer::tezos::payload::{DecodeError, Payload, Reason};
use azurehsm_signer::tezos::{Curve, Digest};
use std::collections::HashSet;

fn sample(name: &str) -> Sample {
    samples().into_iter().find(|sample| sample.name == name).unwrap()
}

#[test]
fn every_sample_means_what_it_was_written_for() {
    for sample in samples() {
        let payload = payload([&sample.content]);
        let Payload::Operations(operations) = Payload::decode(&payload, Curve::P256).unwrap() else { unreachable!() };
        assert_eq!(operations.branch.as_bytes(), &BRANCH, "{}", sample.name);
        assert_eq!(meanings(&payload), Ok(vec![sample.meaning]), "{}", sample.name);
    }
}

#[test]
fn there_is_a_sample_of_every_kind() {
    let sampled: HashSet<_> = samples().into_iter().map(|sample| sample.meaning.kind).collect();
    for kind in OperationKind::ALL {
        assert!(sampled.contains(kind), "{kind}");
    }
}

/// As policies write them.
#[test]
fn kinds_and_addresses_are_known_by_their_text() {
    for kind in OperationKind::ALL {
        assert_eq!(kind.name().parse(), Ok(*kind));
        assert_eq!(kind.to_string(), kind.name());
    }
    for text in ["", "stake", "ballot", "Transaction", "transaction:"] {
        assert!(text.parse::<OperationKind>().is_err(), "{text}");
    }

    for sample in samples() {
        let Meaning { source, destination, .. } = sample.meaning;
        for text in source.into_iter().chain(destination) {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }
    for text in ["", "NetXdQprcVkpaWU", "edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav"] {
        assert!(text.parse::<Address>().is_err(), "{text}");
    }
}

/// The other tests spoil samples with the bytes that these call impossible.
#[test]
fn no_sample_holds_what_it_calls_impossible() {
    for sample in samples() {
        for (at, field) in &sample.content.fields {
            if let Field::Tag(impossible) | Field::Flag(impossible) = field {
                assert!(!impossible.contains(&sample.content.bytes[*at]), "{} at {at}", sample.name);
            }
        }
    }
}

#[test]
fn the_curve_of_the_key_does_not_matter() {
    for sample in samples() {
        let payload = payload([&sample.content]);
        for curve in Curve::ALL {
            assert_eq!(Payload::decode(&payload, curve), Payload::decode(&payload, Curve::P256), "{}", sample.name);
        }
    }
}

/// From Octez's encoding samples (`tezt/tests/expected/encoding.ml`, protocol 025): branch and contents.
#[test]
fn samples_of_octez_itself() {
    const BRANCH: &str = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
    const SOURCE: &str = "0002298c03ed7d454a101eb7022bc95f7e5f41ac78";
    const HEADER: &str = "0002298c03ed7d454a101eb7022bc95f7e5f41ac7821dc05edecc004adcacdb7d401";
    const ADDRESS: &str = "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx";
    let fee = |kind| Meaning { source: Some(ADDRESS.to_owned()), fee: Some(33), ..nothing_but(kind) };
    let call = |destination: &str, entrypoint: &str| Meaning {
        amount: Some(407),
        destination: Some(destination.to_owned()),
        entrypoint: Some(entrypoint.to_owned()),
        ..fee(OperationKind::Transaction)
    };
    let voter = |kind| Meaning { source: Some(ADDRESS.to_owned()), ..nothing_but(kind) };
    let protocol = "7663cf120f3dc8189d5dc7d4d7a0483bcc53f3f18e700f5a2f5076aa8b9dc55c";

    for (contents, expected) in [
        (format!("6c{HEADER}97030000{}00", &SOURCE[2..]), call(ADDRESS, "default")),
        (
            format!(
                "6c{HEADER}97030138560805b4c8d7b7fbbafad5c59dbfa3878ca70500ffff06616374696f6e000000070200000002034f"
            ),
            call("KT1DieU51jzXLerQx5AqMCiLC1SsCeM8yRat", "action"),
        ),
        (format!("6e{HEADER}ff{SOURCE}"), fee(OperationKind::Delegation)),
        (format!("6e{HEADER}00"), fee(OperationKind::Delegation)),
        (
            format!("6b{HEADER}004798d2cc98473d7e250c898885718afd2e4efbcb1a1595ab9730761ed830de0f00"),
            fee(OperationKind::Reveal),
        ),
        (
            format!(
                "6d{HEADER}af9105ff{SOURCE}00000020020000001b050003680501056303680502020000000a03160346053d036d0342\
                 0000000e0200000009010000000474657374"
            ),
            Meaning { amount: Some(84_143), ..fee(OperationKind::Origination) },
        ),
        (format!("06{SOURCE}000002cf{protocol}00"), voter(OperationKind::BallotYay)),
        (format!("05{SOURCE}000002cf00000040{protocol}{protocol}"), voter(OperationKind::Proposals)),
        (format!("0100000533{}", "00".repeat(32)), nothing_but(OperationKind::SeedNonceRevelation)),
        (
            "04c55cf02dbeecc978d9c84625dcae72bb77ea4fbd41f98b15efc63fa893d61d7d6eee4a2ce9427ac4".to_owned(),
            nothing_but(OperationKind::ActivateAccount),
        ),
    ] {
        let payload = hex::decode(format!("03{BRANCH}{contents}")).unwrap();
        assert_eq!(meanings(&payload), Ok(vec![expected]), "{contents}");
    }
}

#[test]
fn keys_of_octez_samples_with_proof_of_possession() {
    let reveal = "03374296a79e69dc5c1f0c36da9d5229f8ce48412baa12799c1d17e7ee8e5e9203\
                  6b038da4c2c8975ce0aac74c7168b52ee994993e56fede050bb41900\
                  038b51bf866c75b94acd428773fcddb1e9f008547590471a547cd5e30411a34040138350f32088eefcd34d136a6983e29d\
                  ff00000060\
                  a6ac135bd4c0d9bfa24a3c94f2a77d0fd7188988ea207d89f6f3bf6959dadbeb28622a2fe2377635e9c7f84f116e5245\
                  08d3c37720cbf3230abd0c7db9e7559bd250b062e65d6b854967176b4ebc715e8b506dc262a8aa554eb407b3ae9a6fc7";
    let [seen] = meanings(&hex::decode(reveal).unwrap()).unwrap().try_into().unwrap();
    assert_eq!((seen.kind, seen.fee), (OperationKind::Reveal, Some(734)));
    assert!(seen.source.unwrap().starts_with("tz4"));
}

/// A batch that somebody signed: see `keys_and_signatures.rs`.
#[test]
fn a_batch_of_octez_samples() {
    let payload = hex::decode(
        "038fcf233671b6a04fcf679d2a381c2544ea6c1ea29ba6157776ed842426e5cab8\
         6b00ba3bed311a5d7b06dc4daf3c94c5c406927e4bcf940202ab0100\
         009d05b06ea36a6ad464d94dc07a38b77b80b577c1ae51bbd8d20105cd5aed496c00\
         6c00ba3bed311a5d7b06dc4daf3c94c5c406927e4bcfed0203b51000c0843d00\
         0002298c03ed7d454a101eb7022bc95f7e5f41ac7800",
    )
    .unwrap();
    assert_eq!(Digest::of(&payload).to_string(), "e6753903f4b286f3d990ef24fb9a14b00f52215801c7e40ccf69e472935796d9");
    let [reveal, transaction] = meanings(&payload).unwrap().try_into().unwrap();
    assert_eq!((reveal.kind, reveal.fee), (OperationKind::Reveal, Some(276)));
    assert_eq!(reveal.source, transaction.source);
    assert_eq!(
        (transaction.kind, transaction.fee, transaction.amount),
        (OperationKind::Transaction, Some(365), Some(1_000_000))
    );
    assert_eq!(transaction.destination.as_deref(), Some("tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx"));
}

fn nothing_but(kind: OperationKind) -> Meaning {
    Meaning { kind, source: None, fee: None, amount: None, destination: None, entrypoint: None }
}

#[test]
fn a_content_cut_short_is_refused_wherever_it_is_cut() {
    for sample in samples() {
        let payload = payload([&sample.content]);
        for length in 0..payload.len() {
            let error = meanings(&payload[..length]).unwrap_err();
            let is_about_the_end = matches!(
                error.reason,
                Reason::Empty | Reason::NoContents | Reason::Truncated { .. } | Reason::EndlessNumber { .. }
            );
            assert!(is_about_the_end && error.offset <= length, "{}, {length} bytes: {error}", sample.name);
        }
    }
}

#[test]
fn a_byte_after_a_content_is_refused_whatever_it_is() {
    for sample in samples() {
        let payload = payload([&sample.content]);
        for byte in 0..=255 {
            let error = meanings(&[payload.as_slice(), &[byte]].concat()).unwrap_err();
            assert!(error.offset >= payload.len(), "{} and {byte:02x}: {error}", sample.name);
        }
        for trailing in [[0x00; 64], [0xff; 64], [0x6b; 64]] {
            assert!(meanings(&[payload.as_slice(), &trailing].concat()).is_err(), "{} {trailing:02x?}", sample.name);
        }
    }
}

#[test]
fn a_batch_of_everything_that_may_be_batched() {
    let samples = manager_samples();
    let batch = payload(samples.iter().map(|sample| &sample.content));
    assert_eq!(meanings(&batch).unwrap(), samples.into_iter().map(|sample| sample.meaning).collect::<Vec<_>>());
}

#[test]
fn a_batch_cut_short_is_refused_except_between_two_contents() {
    let parts = ["transfer of nothing", "delegation", "refutation: dissection", "no deposits limit"].map(sample);
    let batch = payload(parts.iter().map(|sample| &sample.content));
    let ends: Vec<usize> = parts
        .iter()
        .scan(CONTENTS_AT, |end, sample| {
            *end += sample.content.bytes.len();
            Some(*end)
        })
        .collect();
    for length in CONTENTS_AT..=batch.len() {
        match (meanings(&batch[..length]), ends.iter().position(|end| *end == length)) {
            (Ok(seen), Some(last)) => {
                assert_eq!(seen, parts[..=last].iter().map(|sample| sample.meaning.clone()).collect::<Vec<_>>());
            }
            (Err(_), None) => {}
            (result, _) => panic!("{length} bytes: {result:?}"),
        }
    }
}

#[test]
fn what_stands_alone_is_refused_in_a_batch() {
    let transfer = sample("transfer of nothing").content;
    let second = CONTENTS_AT + transfer.bytes.len();
    for alone in standalone_samples() {
        let name = alone.meaning.kind.name();
        for (contents, offset) in [
            (vec![&transfer, &alone.content], second),
            (vec![&alone.content, &transfer], CONTENTS_AT),
            (vec![&alone.content, &alone.content], CONTENTS_AT),
            (vec![&transfer, &alone.content, &transfer], second),
        ] {
            assert_eq!(
                meanings(&payload(contents)),
                Err(DecodeError { offset, reason: Reason::NotBatchable { name } }),
                "{}",
                alone.name
            );
        }
    }
}

#[test]
fn every_tag_of_a_content_is_signed_or_refused_for_its_own_reason() {
    const REMOVED: Reason = Reason::UnsupportedContent {
        tag: 0,
        name: "a transaction rollup operation",
        why: "these rollups were removed from Tezos",
    };
    const DISABLED: Reason = Reason::UnsupportedContent {
        tag: 0,
        name: "a zk rollup operation",
        why: "these rollups are not enabled on any network",
    };
    const PREFIX: Reason = Reason::UnsupportedContent {
        tag: 0,
        name: "a signature prefix",
        why: "it occurs only in operations that are already signed",
    };
    let with_tag = |reason, tag| match reason {
        Reason::UnsupportedContent { name, why, .. } => Reason::UnsupportedContent { tag, name, why },
        other => other,
    };
    let transfer = sample("transfer of nothing").content;
    for tag in 0..=255 {
        let reason = match tag {
            1..=6 | 8 | 9 | 17 | 24 | 107..=115 | 158 | 200..=207 | 230 => continue,
            20 | 21 | 23 | 30 | 31 | 40 | 41 => Reason::ConsensusContent { tag },
            150..=157 => with_tag(REMOVED, tag),
            250..=252 => with_tag(DISABLED, tag),
            255 => with_tag(PREFIX, tag),
            _ => Reason::UnknownTag { tag, of: "an operation" },
        };
        // As the first content, and as the second of a batch.
        for before in [vec![], vec![&transfer]] {
            let payload = [payload(before), vec![tag; 200]].concat();
            let offset = payload.len() - 200;
            assert_eq!(meanings(&payload), Err(DecodeError { offset, reason: reason.clone() }), "tag {tag}");
        }
    }
}

#[test]
fn a_whole_vote_behind_the_watermark_of_operations_is_refused() {
    for tag in [20, 21, 23, 40, 41] {
        let payload = payload_of_bytes(&[[tag].as_slice(), &[0; 46]].concat());
        let reason = Reason::ConsensusContent { tag };
        assert_eq!(meanings(&payload), Err(DecodeError { offset: CONTENTS_AT, reason }));
    }
}

#[test]
fn an_operation_has_at_most_32_kib() {
    const LIMIT: usize = 32 * 1024;
    let message = |length: usize| {
        // Tag and the length of the message, after the branch.
        let text = vec![b'x'; length - 32 - 1 - 4];
        payload_of_bytes(&[[17].as_slice(), &u32::try_from(text.len()).unwrap().to_be_bytes(), &text].concat())
    };
    assert_eq!(message(LIMIT).len(), 1 + LIMIT);
    assert!(meanings(&message(LIMIT)).is_ok());
    for length in [LIMIT + 1, 2 * LIMIT, 1024 * 1024] {
        let reason = Reason::TooLong { field: "the operation", length, limit: LIMIT };
        assert_eq!(meanings(&message(length)), Err(DecodeError { offset: 1, reason }));
    }

    let transfer = sample("transfer of nothing").content;
    let most = (LIMIT - 32) / transfer.bytes.len();
    assert_eq!(meanings(&payload(vec![&transfer; most])).unwrap().len(), most);
    let too_many = meanings(&payload(vec![&transfer; most + 1])).unwrap_err();
    assert!(matches!(too_many.reason, Reason::TooLong { field: "the operation", .. }), "{too_many}");
}

#[test]
fn a_branch_alone_is_no_operation() {
    assert_eq!(meanings(&payload([])), Err(DecodeError { offset: CONTENTS_AT, reason: Reason::NoContents }));
    for length in 1..CONTENTS_AT {
        let error = meanings(&payload([])[..length]).unwrap_err();
        assert!(matches!(error.reason, Reason::Truncated { field: "the branch", needed: 32, .. }), "{error}");
    }
}
