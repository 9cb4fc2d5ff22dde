//! What a policy sees of the operations of a payload, and that nothing is signed which is not understood to its last byte.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail anywhere, its helpers too")]

#[path = "samples/operations.rs"]
mod samples;

use azurehsm_signer::tezos::payload::operations::OperationKind;
use azurehsm_signer::tezos::payload::{DecodeError, Operations, Payload, Reason};
use azurehsm_signer::tezos::{Curve, Digest};
use samples::{
    BRANCH, Bytes, CONTENTS_AT, Field, Meaning, Sample, groups_of_seven, manager_samples, payload, samples,
    standalone_samples,
};
use std::collections::HashSet;

fn decode(payload: &[u8]) -> Result<Operations, DecodeError> {
    match Payload::decode(payload, Curve::P256)? {
        Payload::Operations(operations) => Ok(operations),
        other => unreachable!("{other:?}"),
    }
}

fn meanings(payload: &[u8]) -> Result<Vec<Meaning>, DecodeError> {
    decode(payload).map(|operations| operations.contents.iter().map(Meaning::from).collect())
}

/// One sample's payload with everything from an offset of the content on replaced.
fn replaced_from(sample: &Sample, at: usize, replacement: &[u8]) -> Vec<u8> {
    let payload = payload([&sample.content]);
    [&payload[..CONTENTS_AT + at], replacement].concat()
}

/// One sample's payload with some bytes replaced.
fn overwritten(sample: &Sample, at: usize, replacement: &[u8]) -> Vec<u8> {
    let mut payload = payload([&sample.content]);
    payload[CONTENTS_AT + at..][..replacement.len()].copy_from_slice(replacement);
    payload
}

/// A field of a sample: the sample, the field's offset in its content, and what it is.
fn fields(samples: &[Sample]) -> impl Iterator<Item = (&Sample, usize, &Field)> {
    samples.iter().flat_map(|sample| sample.content.fields.iter().map(move |(at, field)| (sample, *at, field)))
}

fn sample(name: &str) -> Sample {
    samples().into_iter().find(|sample| sample.name == name).unwrap()
}

#[test]
fn every_sample_means_what_it_was_written_for() {
    for sample in samples() {
        let payload = payload([&sample.content]);
        let operations = decode(&payload).unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        assert_eq!(operations.branch.as_bytes(), &BRANCH, "{}", sample.name);
        assert_eq!(meanings(&payload).unwrap(), [sample.meaning], "{}", sample.name);
    }
}

#[test]
fn there_is_a_sample_of_every_kind() {
    let sampled: HashSet<_> = samples().into_iter().map(|sample| sample.meaning.kind).collect();
    for kind in OperationKind::ALL {
        assert!(sampled.contains(kind), "{kind}");
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
            let error = decode(&payload[..length]).unwrap_err();
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
            let error = decode(&[payload.as_slice(), &[byte]].concat()).unwrap_err();
            assert!(error.offset >= payload.len(), "{} and {byte:02x}: {error}", sample.name);
        }
        for trailing in [[0x00; 64], [0xff; 64], [0x6b; 64]] {
            assert!(decode(&[payload.as_slice(), &trailing].concat()).is_err(), "{} {trailing:02x?}", sample.name);
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
        match (decode(&batch[..length]), ends.iter().position(|end| *end == length)) {
            (Ok(operations), Some(last)) => {
                let seen: Vec<_> = operations.contents.iter().map(|content| content.kind).collect();
                let expected: Vec<_> = parts[..=last].iter().map(|sample| sample.meaning.kind).collect();
                assert_eq!(seen, expected);
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
                decode(&payload(contents)),
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
        why: "it only stands in operations that are signed already",
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
            assert_eq!(decode(&payload), Err(DecodeError { offset, reason: reason.clone() }), "tag {tag}");
        }
    }
}

#[test]
fn a_whole_vote_behind_the_watermark_of_operations_is_refused() {
    for tag in [20, 21, 23, 40, 41] {
        let payload = [[0x03].as_slice(), &BRANCH, &[tag], &[0; 46]].concat();
        let reason = Reason::ConsensusContent { tag };
        assert_eq!(decode(&payload), Err(DecodeError { offset: CONTENTS_AT, reason }));
    }
}

#[test]
fn a_tag_that_stands_for_nothing_is_refused_where_it_stands() {
    for (sample, at, field) in fields(&samples()) {
        let Field::Tag(unknown) = field else { continue };
        for byte in unknown.clone() {
            let error = decode(&overwritten(sample, at, &[byte])).unwrap_err();
            assert!(
                matches!(error.reason, Reason::UnknownTag { tag, .. } if tag == byte)
                    && error.offset == CONTENTS_AT + at,
                "{}, {byte:02x} at {at}: {error}",
                sample.name
            );
        }
    }
}

#[test]
fn a_flag_is_00_or_ff_and_nothing_else() {
    for (sample, at, field) in fields(&samples()) {
        let Field::Flag(impossible) = field else { continue };
        for byte in impossible.clone() {
            let error = decode(&overwritten(sample, at, &[byte])).unwrap_err();
            assert!(
                matches!(error.reason, Reason::Unexpected { found, .. } if found == i64::from(byte))
                    && error.offset == CONTENTS_AT + at,
                "{}, {byte:02x} at {at}: {error}",
                sample.name
            );
        }
    }
}

#[test]
fn a_length_that_lies_is_refused() {
    for (sample, at, field) in fields(&samples()) {
        let Field::Length = field else { continue };
        let start = CONTENTS_AT + at;
        let honest = u32::from_be_bytes(*payload([&sample.content])[start..].first_chunk().unwrap());

        for huge in [u32::MAX, 1 << 31, u32::MAX >> 1, 32 * 1024 + 1] {
            let error = decode(&overwritten(sample, at, &huge.to_be_bytes())).unwrap_err();
            assert!(
                matches!(error.reason, Reason::TooLong { length, .. } if u32::try_from(length) == Ok(huge))
                    && error.offset == start,
                "{}, {huge} at {at}: {error}",
                sample.name
            );
        }
        for wrong in [honest.wrapping_sub(1), honest + 1, honest + 0x0100] {
            let result = decode(&overwritten(sample, at, &wrong.to_be_bytes()));
            assert!(result.is_err(), "{}, {wrong} for {honest} at {at}: {result:?}", sample.name);
        }
    }
}

#[test]
fn numbers_are_as_short_as_they_can_be() {
    for (sample, at, field) in fields(&samples()) {
        if !matches!(field, Field::Natural | Field::Mutez | Field::Number) {
            continue;
        }
        for (overlong, superfluous) in [(vec![0x80, 0x00], 1), (vec![0xff, 0x80, 0x00], 2)] {
            let payload = replaced_from(sample, at, &[overlong, vec![0; 4096]].concat());
            let error = decode(&payload).unwrap_err();
            assert!(
                matches!(error.reason, Reason::OverlongNumber { .. }) && error.offset == CONTENTS_AT + at + superfluous,
                "{} at {at}: {error}",
                sample.name
            );
        }
    }
}

#[test]
fn numbers_have_an_end() {
    for (sample, at, field) in fields(&samples()) {
        let most = match field {
            Field::Natural | Field::Mutez => 10,
            Field::Number => 1024,
            _ => continue,
        };
        let error = decode(&replaced_from(sample, at, &[0x80; 4096])).unwrap_err();
        assert!(
            matches!(error.reason, Reason::EndlessNumber { limit, .. } if limit <= most)
                && error.offset == CONTENTS_AT + at,
            "{} at {at}: {error}",
            sample.name
        );
    }
}

#[test]
fn numbers_may_be_as_long_as_their_type() {
    // Counter, gas and storage limit: ten bytes. Which of them are possible is for the node to say.
    let transfer = sample("transfer of nothing");
    let naturals: Vec<usize> = offsets(&transfer.content, |field| matches!(field, Field::Natural));
    assert_eq!(naturals.len(), 3);
    for at in naturals {
        let end = at + transfer.content.bytes[at..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        for (length, is_accepted) in [(9, true), (10, true), (11, false)] {
            let number = [vec![0xff; length - 1], vec![0x7f]].concat();
            let payload = replaced_from(&transfer, at, &[&number, &transfer.content.bytes[end..]].concat());
            assert_eq!(meanings(&payload).is_ok(), is_accepted, "{length} bytes at {at}");
        }
    }
    // A refutation's choice has no limit in Octez: 1024 bytes are more than anything asks for.
    let dissection = sample("refutation: dissection without sections");
    let [choice] = offsets(&dissection.content, |field| matches!(field, Field::Number)).try_into().unwrap();
    for (length, is_accepted) in [(2, true), (1024, true), (1025, false)] {
        let number = [vec![0x80; length - 1], vec![0x01]].concat();
        let payload = replaced_from(&dissection, choice, &[&number, &dissection.content.bytes[choice + 1..]].concat());
        assert_eq!(meanings(&payload).is_ok(), is_accepted, "{length} bytes");
    }
}

fn offsets(content: &Bytes, is_wanted: impl Fn(&Field) -> bool) -> Vec<usize> {
    content.fields.iter().filter(|(_, field)| is_wanted(field)).map(|(at, _)| *at).collect()
}

#[test]
fn an_amount_of_mutez_has_63_bits() {
    for (sample, at, field) in fields(&samples()) {
        let Field::Mutez = field else { continue };
        for too_large in [1 << 63, (1 << 70) - 1] {
            let payload = replaced_from(sample, at, &[groups_of_seven(too_large), vec![0; 4096]].concat());
            let error = decode(&payload).unwrap_err();
            assert!(
                matches!(error.reason, Reason::NumberTooLarge { .. }) && error.offset == CONTENTS_AT + at,
                "{}, {too_large} at {at}: {error}",
                sample.name
            );
        }
    }
}

#[test]
fn the_fee_is_read_to_the_last_mutez() {
    let transfer = sample("transfer of nothing");
    let [fee, amount] = offsets(&transfer.content, |field| matches!(field, Field::Mutez)).try_into().unwrap();
    let end = fee + groups_of_seven(transfer.meaning.fee.unwrap().into()).len();
    for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 1 << 32, (1 << 63) - 1] {
        let fee = [&transfer.content.bytes[..fee], &groups_of_seven(value.into()), &transfer.content.bytes[end..]];
        assert_eq!(meanings(&with_bytes(&fee.concat())).unwrap()[0].fee, Some(value));
        let amount =
            [&transfer.content.bytes[..amount], &groups_of_seven(value.into()), &transfer.content.bytes[amount + 1..]];
        assert_eq!(meanings(&with_bytes(&amount.concat())).unwrap()[0].amount, Some(value));
    }
}

/// A payload of one content that was written by hand.
fn with_bytes(content: &[u8]) -> Vec<u8> {
    [[0x03].as_slice(), &BRANCH, content].concat()
}

#[test]
fn names_of_entrypoints_are_names() {
    let call = sample("call of a");
    // ff, length 1, 'a', then the parameter.
    let at = call.content.bytes.windows(3).position(|bytes| bytes == [0xff, 1, b'a']).unwrap() + 1;
    let parameter = &call.content.bytes[at + 2..];
    let named = |name: &[u8]| {
        let length = u8::try_from(name.len()).unwrap();
        replaced_from(&call, at, &[&[length], name, parameter].concat())
    };
    let field = "the entrypoint";
    for (name, expected) in [
        (b"".as_slice(), Err((1, Reason::Truncated { field, needed: 1, left: 0 }))),
        (&[b'a'; 31], Ok("a".repeat(31))),
        (&[b'a'; 32], Err((0, Reason::TooLong { field, length: 32, limit: 31 }))),
        (&[b'a'; 255], Err((0, Reason::TooLong { field, length: 255, limit: 31 }))),
        (b"Az09_.%@", Ok("Az09_.%@".to_owned())),
        (b"sta\0ke", Err((4, Reason::InvalidText { field, byte: 0x00 }))),
        (b"stake ", Err((6, Reason::InvalidText { field, byte: b' ' }))),
        (b"\xff", Err((1, Reason::InvalidText { field, byte: 0xff }))),
        ("é".as_bytes(), Err((1, Reason::InvalidText { field, byte: 0xc3 }))),
    ] {
        let expected = expected.map_err(|(after, reason)| DecodeError { offset: CONTENTS_AT + at + after, reason });
        let seen = meanings(&named(name)).map(|seen| seen[0].entrypoint.clone().unwrap());
        assert_eq!(seen, expected, "{name:02x?}");
    }

    let ticket = sample("ticket to stake");
    let at = ticket.content.bytes.len() - b"stake".len();
    for (name, after, byte) in [(b"sta e", 3, b' '), (b"stak\x80", 4, 0x80)] {
        let error = decode(&overwritten(&ticket, at, name)).unwrap_err();
        let reason = Reason::InvalidText { field, byte };
        assert_eq!(error, DecodeError { offset: CONTENTS_AT + at + after, reason });
    }
    let without_name = replaced_from(&ticket, at - 4, &[0, 0, 0, 0]);
    let reason = Reason::Truncated { field, needed: 1, left: 0 };
    assert_eq!(decode(&without_name), Err(DecodeError { offset: without_name.len(), reason }));
}

#[test]
fn only_contracts_have_storage_to_pay_for() {
    let storage = sample("storage");
    let at = storage.content.bytes.len() - 22;
    let account = [[0x00, 0x00].as_slice(), &[0x11; 20]].concat();
    let reason = Reason::Unexpected { field: "the contract", found: 0, expected: "1 (a contract)" };
    assert_eq!(decode(&overwritten(&storage, at, &account)), Err(DecodeError { offset: CONTENTS_AT + at, reason }));
}

#[test]
fn a_proof_of_possession_has_96_bytes() {
    let reveal = sample("reveal, BLS12-381 key, with proof");
    let at = reveal.content.bytes.len() - 96 - 4;
    for length in [0_u8, 48, 64, 95] {
        let proof = [vec![0, 0, 0, length], vec![0xd7; usize::from(length)]].concat();
        let field = "the length of the proof of possession";
        let reason = Reason::Unexpected { field, found: length.into(), expected: "96" };
        assert_eq!(decode(&replaced_from(&reveal, at, &proof)), Err(DecodeError { offset: CONTENTS_AT + at, reason }));
    }
}

#[test]
fn a_public_key_of_the_length_of_another_curve_is_refused() {
    let lengths = [32, 33, 33, 48, 1312];
    let header = &sample("reveal, Ed25519 key, no proof").content.bytes;
    let header = &header[..header.len() - 34];
    for (curve, right) in (0..=4).zip(lengths) {
        for length in lengths {
            let payload = with_bytes(&[header, &[curve], &vec![0xd7; length], &[0x00]].concat());
            assert_eq!(decode(&payload).is_ok(), length == right, "curve {curve}, {length} bytes");
        }
    }
}

#[test]
fn proposals_are_whole_hashes_and_at_most_twenty() {
    let proposals = sample("no proposal");
    let at = proposals.content.bytes.len() - 4;
    let list = |length: usize| {
        let size = u32::try_from(length).unwrap().to_be_bytes();
        replaced_from(&proposals, at, &[size.as_slice(), &vec![0xcb; length]].concat())
    };
    for count in 0..=20 {
        assert!(decode(&list(32 * count)).is_ok(), "{count}");
    }
    let reason = Reason::TooLong { field: "the proposals", length: 672, limit: 640 };
    assert_eq!(decode(&list(32 * 21)), Err(DecodeError { offset: CONTENTS_AT + at, reason }));
    for odd in [1, 31, 33, 639] {
        assert!(
            matches!(decode(&list(odd)).unwrap_err().reason, Reason::Truncated { field: "a proposal", .. }),
            "{odd}"
        );
    }
}

#[test]
fn raw_data_of_a_reveal_proof_is_as_long_as_it_says() {
    let proof = sample("refutation: proof with raw data");
    let at = proof.content.bytes.len() - 256 - 2;
    for length in [0_u16, 255, 257, 4096, u16::MAX] {
        assert!(decode(&overwritten(&proof, at, &length.to_be_bytes())).is_err(), "{length}");
    }
}

#[test]
fn an_operation_has_at_most_32_kib() {
    const LIMIT: usize = 32 * 1024;
    let message = |length: usize| {
        // Tag and the length of the message, after the branch.
        let text = vec![b'x'; length - 32 - 1 - 4];
        with_bytes(&[[17].as_slice(), &u32::try_from(text.len()).unwrap().to_be_bytes(), &text].concat())
    };
    assert_eq!(message(LIMIT).len(), 1 + LIMIT);
    assert!(decode(&message(LIMIT)).is_ok());
    for length in [LIMIT + 1, 2 * LIMIT, 1024 * 1024] {
        let reason = Reason::TooLong { field: "the operation", length, limit: LIMIT };
        assert_eq!(decode(&message(length)), Err(DecodeError { offset: 1, reason }));
    }

    let transfer = sample("transfer of nothing").content;
    let most = (LIMIT - 32) / transfer.bytes.len();
    assert_eq!(decode(&payload(vec![&transfer; most])).unwrap().contents.len(), most);
    let too_many = decode(&payload(vec![&transfer; most + 1])).unwrap_err();
    assert!(matches!(too_many.reason, Reason::TooLong { field: "the operation", .. }), "{too_many}");
}

#[test]
fn a_branch_alone_is_no_operation() {
    assert_eq!(decode(&payload([])), Err(DecodeError { offset: CONTENTS_AT, reason: Reason::NoContents }));
    for length in 1..CONTENTS_AT {
        let error = decode(&payload([])[..length]).unwrap_err();
        assert!(matches!(error.reason, Reason::Truncated { field: "the branch", needed: 32, .. }), "{error}");
    }
}
