//! Operations that are spoilt in one place: a tag, a flag, a length or a number that cannot be. Each is refused, and the
//! error says where and why.

use crate::samples::operations::{
    Bytes, CONTENTS_AT, Field, Sample, groups_of_seven, meanings, payload, payload_of_bytes, samples,
};
use azurehsm_signer::tezos::Curve;
use azurehsm_signer::tezos::payload::{DecodeError, NotUnderstood, Payload, Reason};

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
fn a_tag_that_stands_for_nothing_is_refused_where_it_stands() {
    for (sample, at, field) in fields(&samples()) {
        let Field::Tag(unknown) = field else { continue };
        for byte in unknown.clone() {
            let error = meanings(&overwritten(sample, at, &[byte])).unwrap_err();
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
            let error = meanings(&overwritten(sample, at, &[byte])).unwrap_err();
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
            let error = meanings(&overwritten(sample, at, &huge.to_be_bytes())).unwrap_err();
            assert!(
                matches!(error.reason, Reason::TooLong { length, .. } if u32::try_from(length) == Ok(huge))
                    && error.offset == start,
                "{}, {huge} at {at}: {error}",
                sample.name
            );
        }
        for wrong in [honest.wrapping_sub(1), honest + 1, honest + 0x0100] {
            let result = meanings(&overwritten(sample, at, &wrong.to_be_bytes()));
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
            let error = meanings(&payload).unwrap_err();
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
        let error = meanings(&replaced_from(sample, at, &[0x80; 4096])).unwrap_err();
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
            let error = meanings(&payload).unwrap_err();
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
        assert_eq!(meanings(&payload_of_bytes(&fee.concat())).unwrap()[0].fee, Some(value));
        let amount =
            [&transfer.content.bytes[..amount], &groups_of_seven(value.into()), &transfer.content.bytes[amount + 1..]];
        assert_eq!(meanings(&payload_of_bytes(&amount.concat())).unwrap()[0].amount, Some(value));
    }
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
        let error = meanings(&overwritten(&ticket, at, name)).unwrap_err();
        let reason = Reason::InvalidText { field, byte };
        assert_eq!(error, DecodeError { offset: CONTENTS_AT + at + after, reason });
    }
    let without_name = replaced_from(&ticket, at - 4, &[0, 0, 0, 0]);
    let reason = Reason::Truncated { field, needed: 1, left: 0 };
    assert_eq!(meanings(&without_name), Err(DecodeError { offset: without_name.len(), reason }));
}

#[test]
fn only_contracts_have_storage_to_pay_for() {
    let storage = sample("storage");
    let at = storage.content.bytes.len() - 22;
    let account = [[0x00, 0x00].as_slice(), &[0x11; 20]].concat();
    let reason = Reason::Unexpected { field: "the contract", found: 0, expected: "1 (a contract)" };
    assert_eq!(meanings(&overwritten(&storage, at, &account)), Err(DecodeError { offset: CONTENTS_AT + at, reason }));
}

#[test]
fn a_proof_of_possession_has_96_bytes() {
    let reveal = sample("reveal, BLS12-381 key, with proof");
    let at = reveal.content.bytes.len() - 96 - 4;
    for length in [0_u8, 48, 64, 95] {
        let proof = [vec![0, 0, 0, length], vec![0xd7; usize::from(length)]].concat();
        let field = "the length of the proof of possession";
        let reason = Reason::Unexpected { field, found: length.into(), expected: "96" };
        assert_eq!(
            meanings(&replaced_from(&reveal, at, &proof)),
            Err(DecodeError { offset: CONTENTS_AT + at, reason })
        );
    }
}

#[test]
fn a_public_key_of_the_length_of_another_curve_is_refused() {
    let lengths = [32, 33, 33, 48, 1312];
    let header = &sample("reveal, Ed25519 key, no proof").content.bytes;
    let header = &header[..header.len() - 34];
    for (curve, right) in (0..=4).zip(lengths) {
        for length in lengths {
            let payload = payload_of_bytes(&[header, &[curve], &vec![0xd7; length], &[0x00]].concat());
            assert_eq!(meanings(&payload).is_ok(), length == right, "curve {curve}, {length} bytes");
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
        assert!(meanings(&list(32 * count)).is_ok(), "{count}");
    }
    let reason = Reason::TooLong { field: "the proposals", length: 672, limit: 640 };
    assert_eq!(meanings(&list(32 * 21)), Err(DecodeError { offset: CONTENTS_AT + at, reason }));
    for odd in [1, 31, 33, 639] {
        assert!(
            matches!(meanings(&list(odd)).unwrap_err().reason, Reason::Truncated { field: "a proposal", .. }),
            "{odd}"
        );
    }
}

#[test]
fn raw_data_of_a_reveal_proof_is_as_long_as_it_says() {
    let proof = sample("refutation: proof with raw data");
    let at = proof.content.bytes.len() - 256 - 2;
    for length in [0_u16, 255, 257, 4096, u16::MAX] {
        assert!(meanings(&overwritten(&proof, at, &length.to_be_bytes())).is_err(), "{length}");
    }
}

/// A manager operation with this tag and these fields of its own.
fn manager(tag: u8, fields: &[u8]) -> Vec<u8> {
    let other = sample("no deposits limit").content.bytes;
    [&[tag], &other[1..other.len() - 1], fields].concat()
}

/// What the refusal of these contents says beside the error.
fn hint(contents: &[u8]) -> Option<String> {
    let payload = payload_of_bytes(contents);
    NotUnderstood::new(meanings(&payload).unwrap_err(), &payload).outdated.map(|outdated| outdated.to_string())
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

/// As clients make them that have not followed the protocol, for example Taquito before 23 and tzgo 1.25.
#[test]
fn the_refusal_of_an_older_form_names_it() {
    const NO_PROOF: &str = "without the byte for a proof of possession";
    const LEVEL: &str = "older form of dal_publish_commitment, with a level";
    const PROOF: &str = "older form of smart_rollup_originate, with an origination proof";
    let transfer = || sample("transfer of nothing").content.bytes;
    let reveal = || sample("reveal, Ed25519 key, no proof").content.bytes;
    let publish = || sample("DAL data").content.bytes;
    let originate = || sample("rollup on machine 1 with no whitelist").content.bytes;
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
fn what_is_no_older_form_is_not_called_one() {
    let transfer = || sample("transfer of nothing").content.bytes;
    let ballot = || sample("yay").content.bytes;
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
    // A payload that is cut short where its last content lacks a byte, or all its fields, is just what an old client makes.
    let has_older_form = ["reveal, ", "update_consensus_key, ", "refutation: "];
    for sample in samples().iter().filter(|sample| !has_older_form.iter().any(|name| sample.name.starts_with(name))) {
        for length in 0..sample.content.bytes.len() {
            assert_eq!(hint(&sample.content.bytes[..length]), None, "{}, {length} bytes", sample.name);
        }
    }
    let vote = [[0x13].as_slice(), &old_reveal()].concat();
    let error = Payload::decode(&vote, Curve::P256).unwrap_err();
    assert_eq!(NotUnderstood::new(error, &vote).outdated, None);
}
