//! Blocks and votes: what is read from them, and what is refused, byte by byte.

use crate::samples::votes_and_blocks::{FITNESS_AT, FORMS, Form, Header, MAINNET, position, protocol_data};
use azurehsm_signer::tezos::payload::{Consensus, DecodeError, Kind, NonNegative, Payload, Reason};
use azurehsm_signer::tezos::{ChainId, Curve, Digest};

/// Every curve and every form of a vote that keys of this curve sign.
fn forms_and_curves() -> impl Iterator<Item = (Form, Curve)> {
    FORMS.into_iter().flat_map(|form| form.curves.iter().map(move |curve| (form, *curve)))
}

fn consensus(kind: Kind, level: i32, round: i32) -> Consensus {
    Consensus { kind, chain: ChainId::from_bytes(MAINNET), position: position(level, round) }
}

fn refused(offset: usize, reason: Reason) -> Result<Payload, DecodeError> {
    Err(DecodeError { offset, reason })
}

fn decode_block(payload: &[u8]) -> Result<Payload, DecodeError> {
    Payload::decode(payload, Curve::Secp256k1)
}

mod vectors {
    //! From Octez's encoding samples (`tezt/tests/expected/encoding.ml`, protocol 025), behind watermark and mainnet's
    //! chain id; the block headers with a Tenderbake fitness put in.

    pub(super) const ATTESTATION: &str = "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8\
        15000000000533000000000000000000000000000000000000000000000000000000000000000000000000";
    pub(super) const PREATTESTATION: &str = "127a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8\
        14000000000533000000000000000000000000000000000000000000000000000000000000000000000000";
    pub(super) const ATTESTATION_WITH_DAL: &str = "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8\
        170000000005330000000000000000000000000000000000000000000000000000000000000000000000008020";
    pub(super) const BLS_ATTESTATION: &str = "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8\
        2900000533000000000000000000000000000000000000000000000000000000000000000000000000";
    pub(super) const BLS_PREATTESTATION: &str = "127a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8\
        2800000533000000000000000000000000000000000000000000000000000000000000000000000000";

    const SHELL: &str = "117a06a77000000533010e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8\
        000000005e9dcbb00442e9bc4583d4f9fa6ba422733f45d3a44397141a953d2237bf8df62e5046eef7";
    const AFTER_FITNESS: &str = "4c7319284b55068bb7c4e0b9f8585729db7fb27ab4ca9cff2038a1fc324f650c\
        000000000000000000000000000000000000000000000000000000000000000000000000101895ca000000000002";

    pub(super) fn block_of_round_two() -> String {
        let fitness = "00000021000000010200000004000005330000000000000004ffffffff0000000400000002";
        [SHELL, fitness, AFTER_FITNESS].concat()
    }

    pub(super) fn block_of_round_two_locked_one() -> String {
        let fitness = "0000002500000001020000000400000533000000040000000100000004ffffffff0000000400000002";
        [SHELL, fitness, AFTER_FITNESS].concat()
    }

    /// Octez's own sample, whose fitness is of the time before Tenderbake.
    pub(super) const OLD_BLOCK: &str = "117a06a77000000533010e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8\
        000000005e9dcbb00242e9bc4583d4f9fa6ba422733f45d3a44397141a953d2237bf8df62e5046eef7\
        00000011000000010100000008000000000000000a4c7319284b55068bb7c4e0b9f8585729db7fb27ab4ca9cff2038a1fc324f650c\
        000000000000000000000000000000000000000000000000000000000000000000000000101895ca00000000\
        ff043691f53c02ca1ac6f1a0c1586bf77973e04c2d9b618a8309e79651daf0d55801";
}

#[test]
fn vectors_are_read_as_what_they_are() {
    let blocks = [vectors::block_of_round_two(), vectors::block_of_round_two_locked_one()];
    for (payload, curve, kind, round, digest) in [
        (
            vectors::ATTESTATION,
            Curve::P256,
            Kind::Attestation,
            0,
            Some("22a4661cd4823a14313384e510544af380ce40c3c44d3026319b191718356f4a"),
        ),
        (vectors::ATTESTATION_WITH_DAL, Curve::Secp256k1, Kind::Attestation, 0, None),
        (vectors::PREATTESTATION, Curve::Ed25519, Kind::Preattestation, 0, None),
        (vectors::BLS_ATTESTATION, Curve::Bls, Kind::Attestation, 0, None),
        (vectors::BLS_PREATTESTATION, Curve::Bls, Kind::Preattestation, 0, None),
        (
            &blocks[0],
            Curve::P256,
            Kind::Block,
            2,
            Some("bd6bba73972e0f9ef6ceb0b4e7d742ae04a0921b19b4bd2e8ce0f61d06537126"),
        ),
        (
            &blocks[1],
            Curve::Bls,
            Kind::Block,
            2,
            Some("5b5fee8e4d8e8ec2cff7bdc3e502b61e12ee388e1ea1654aa3ecccc7f4b7043a"),
        ),
    ] {
        let payload = hex::decode(payload).unwrap();
        let decoded = Payload::decode(&payload, curve).unwrap();
        assert_eq!(decoded.consensus(), Some(consensus(kind, 1331, round)));
        assert_eq!(matches!(decoded, Payload::Block(_)), kind == Kind::Block);
        if let Some(digest) = digest {
            assert_eq!(Digest::of(&payload).to_string(), digest);
        }
    }
}

#[test]
fn a_header_from_before_tenderbake_is_refused() {
    let found = 1;
    let reason = Reason::Unexpected { field: "the fitness version", found, expected: "2 (Tenderbake)" };
    assert_eq!(decode_block(&hex::decode(vectors::OLD_BLOCK).unwrap()), refused(91, reason));
}

#[test]
fn watermark_tag_and_curve_must_agree() {
    for tag in 0..=255 {
        let form_of_tag = FORMS.iter().find(|form| form.tag == tag);
        // Where the tag is right but for the watermark or the curve, the rest of the vote is right as well.
        let vote = form_of_tag.map_or_else(
            || [FORMS[0].vote(7, 1)[..37].to_vec(), vec![tag], vec![0; 42]].concat(),
            |form| form.vote(7, 1),
        );
        for (watermark, kind) in [(0x12, Kind::Preattestation), (0x13, Kind::Attestation)] {
            for curve in Curve::ALL {
                let payload = [&[watermark], &vote[1..]].concat();
                let expected = match (watermark, tag, curve) {
                    (0x12, 20, Curve::Ed25519 | Curve::Secp256k1 | Curve::P256)
                    | (0x13, 21 | 23, Curve::Ed25519 | Curve::Secp256k1 | Curve::P256)
                    | (0x12, 40, Curve::Bls)
                    | (0x13, 41, Curve::Bls) => Ok(Some(consensus(kind, 7, 1))),
                    (0x12, 20 | 40, _) | (0x13, 21 | 23 | 41, _) => {
                        Err(DecodeError { offset: 37, reason: Reason::TagOfOtherCurve { tag, curve } })
                    }
                    _ => Err(DecodeError { offset: 37, reason: Reason::TagOfOtherKind { tag, kind } }),
                };
                let result = Payload::decode(&payload, curve).map(|payload| payload.consensus());
                assert_eq!(result, expected, "watermark {watermark:02x}, tag {tag}, {curve}");
            }
        }
    }
}

#[test]
fn an_error_of_a_tag_says_which_would_be_right() {
    for (kind, expected) in [(Kind::Preattestation, ": 20 and 40 are"), (Kind::Attestation, ": 21, 23 and 41 are")] {
        let text = Reason::TagOfOtherKind { tag: 30, kind }.to_string();
        assert!(text.ends_with(expected), "{text}");
    }
}

#[test]
fn a_vote_in_the_shape_of_the_other_curve_is_refused() {
    for curve in Curve::ALL {
        for (form, other) in [(FORMS[0], FORMS[1]), (FORMS[1], FORMS[0]), (FORMS[2], FORMS[4]), (FORMS[4], FORMS[2])] {
            // A slot where the tag has none, or none where it has one.
            let mut payload = form.vote(7, 1);
            payload[37] = other.tag;
            assert!(Payload::decode(&payload, curve).is_err(), "{form:?} as {other:?}, {curve}");
        }
    }
}

#[test]
fn watermark_bytes_are_five() {
    let header = Header::new(7, None, 1).bytes();
    for byte in 0..=255 {
        if [0x03, 0x05, 0x11, 0x12, 0x13].contains(&byte) {
            continue;
        }
        for curve in Curve::ALL {
            let payload = [&[byte], &header[1..]].concat();
            assert_eq!(Payload::decode(&payload, curve), refused(0, Reason::UnknownWatermark { byte }));
        }
    }
    for curve in Curve::ALL {
        assert_eq!(Payload::decode(&[], curve), refused(0, Reason::Empty));
    }
}

#[test]
fn packed_data_is_anything_but_nothing() {
    let reason = Reason::Truncated { field: "packed data", needed: 1, left: 0 };
    assert_eq!(Payload::decode(&[0x05], Curve::P256), refused(1, reason));
    for data in [vec![0x00], vec![0x01, 0x00, 0x00, 0x00, 0x00], vec![0xff; 5000]] {
        let payload = [vec![0x05], data].concat();
        assert_eq!(Payload::decode(&payload, Curve::P256), Ok(Payload::PackedData));
        assert_eq!(Payload::PackedData.consensus(), None);
    }
}

#[test]
fn a_vote_says_level_and_round() {
    for (form, curve) in forms_and_curves() {
        for (level, round) in [(0, 0), (1, 0), (0, 1), (0x0102_0304, 0x0506_0708), (i32::MAX, i32::MAX)] {
            let payload = Payload::decode(&form.vote(level, round), curve).unwrap();
            assert!(matches!(payload, Payload::Vote(_)));
            assert_eq!(payload.consensus(), Some(consensus(form.kind, level, round)), "{form:?}");
        }
    }
}

#[test]
fn a_vote_is_for_the_chain_that_it_names() {
    for (form, curve) in forms_and_curves() {
        for chain in [[0xaf, 0x18, 0x64, 0xd9], [0; 4], [0xff; 4]] {
            let mut payload = form.vote(7, 1);
            payload[1..5].copy_from_slice(&chain);
            let consensus = Payload::decode(&payload, curve).unwrap().consensus().unwrap();
            assert_eq!(consensus.chain, ChainId::from_bytes(chain));
        }
    }
}

#[test]
fn a_vote_for_a_negative_level_or_round_is_refused() {
    for (form, curve) in forms_and_curves() {
        for value in [-1, i32::MIN] {
            let negative = |field| Reason::Negative { field, value };
            for (level, round, offset, field) in [
                (value, 0, form.level_at, "the level"),
                (0, value, form.level_at + 4, "the round"),
                (value, value, form.level_at, "the level"),
            ] {
                let result = Payload::decode(&form.vote(level, round), curve);
                assert_eq!(result, refused(offset, negative(field)), "{form:?}");
            }
        }
    }
}

#[test]
fn a_vote_cut_short_is_refused_wherever_it_is_cut() {
    for (form, curve) in forms_and_curves() {
        let payload = form.vote(7, 1);
        for length in 0..payload.len() {
            let error = Payload::decode(&payload[..length], curve).unwrap_err();
            let is_about_the_end =
                matches!(error.reason, Reason::Empty | Reason::Truncated { .. } | Reason::EndlessNumber { .. });
            assert!(is_about_the_end && error.offset <= length, "{form:?}, {length} bytes: {error}");
        }
    }
}

#[test]
fn bytes_after_a_vote_are_refused() {
    for (form, curve) in forms_and_curves() {
        let payload = form.vote(7, 1);
        for count in [1, 2, 64] {
            for byte in [0x00, 0x80, 0xff] {
                let longer = [payload.clone(), vec![byte; count]].concat();
                let reason = Reason::TrailingBytes { count, of: "the vote" };
                assert_eq!(Payload::decode(&longer, curve), refused(payload.len(), reason), "{form:?}");
            }
        }
    }
}

#[test]
fn dal_content_is_one_number() {
    let form = FORMS.into_iter().find(|form| form.tag == 23).unwrap();
    let vote = &form.vote(7, 1)[..form.length];
    let field = "the DAL content";
    for (dal, expected) in [
        (vec![], Err((0, Reason::Truncated { field, needed: 1, left: 0 }))),
        (vec![0x00], Ok(())),
        (vec![0x3f], Ok(())),
        // 160 slots and five lags take a bit set of 1300 bits at most.
        ([vec![0xff; 185], vec![0x01]].concat(), Ok(())),
        ([vec![0x80; 1023], vec![0x01]].concat(), Ok(())),
        ([vec![0x80; 1024], vec![0x01]].concat(), Err((0, Reason::EndlessNumber { field, limit: 1024 }))),
        (vec![0x80], Err((0, Reason::EndlessNumber { field, limit: 1 }))),
        (vec![0xff; 9], Err((0, Reason::EndlessNumber { field, limit: 9 }))),
        (vec![0x80, 0x00], Err((1, Reason::OverlongNumber { field }))),
        (vec![0x81, 0x80, 0x00], Err((2, Reason::OverlongNumber { field }))),
        (vec![0x01, 0x00], Err((1, Reason::TrailingBytes { count: 1, of: "the vote" }))),
    ] {
        let result = Payload::decode(&[vote, &dal].concat(), Curve::P256).map(drop);
        let expected = expected.map_err(|(after, reason)| DecodeError { offset: 80 + after, reason });
        assert_eq!(result, expected, "{dal:02x?}");
    }
}

#[test]
fn a_block_says_level_and_round() {
    for curve in Curve::ALL {
        for locked_round in [None, Some(0), Some(5), Some(i32::MAX)] {
            for (level, round) in [(0, 0), (1, 0), (0, 1), (0x0102_0304, 0x0506_0708), (i32::MAX, i32::MAX)] {
                let header = Header::new(level, locked_round, round).bytes();
                assert_eq!(header.len(), if locked_round.is_some() { 202 } else { 198 });
                let payload = Payload::decode(&header, curve).unwrap();
                assert!(matches!(payload, Payload::Block(_)));
                assert_eq!(payload.consensus(), Some(consensus(Kind::Block, level, round)));
            }
        }
    }
}

#[test]
fn a_block_of_a_negative_level_is_refused() {
    for value in [-1, i32::MIN] {
        let reason = Reason::Negative { field: "the level", value };
        assert_eq!(decode_block(&Header::new(value, None, 0).bytes()), refused(5, reason));
    }
}

/// One element of a fitness spoilt in one way. Offsets count from the start of the fitness.
#[test]
fn a_fitness_is_read_to_the_byte() {
    const VERSION: usize = 0;
    const LEVEL: usize = 1;
    const LOCKED_ROUND: usize = 2;
    const PREDECESSOR_ROUND: usize = 3;
    const ROUND: usize = 4;
    let negative = |field, value| Reason::Negative { field, value };
    let not_two = |found| Reason::Unexpected { field: "the fitness version", found, expected: "2 (Tenderbake)" };
    let not_negative = |found| Reason::Unexpected {
        field: "the predecessor's round",
        found,
        expected: "a negative number: minus the round, minus one",
    };
    let differ = |level| Reason::LevelsDiffer { fitness: position(level, 0).level, header: position(1331, 0).level };
    let be = |value: i32| value.to_be_bytes().to_vec();

    for (element, bytes, offset, reason) in [
        (VERSION, vec![0], 4, not_two(0)),
        (VERSION, vec![1], 4, not_two(1)),
        (VERSION, vec![3], 4, not_two(3)),
        (VERSION, vec![255], 4, not_two(255)),
        (LEVEL, be(1330), 9, differ(1330)),
        (LEVEL, be(1332), 9, differ(1332)),
        (LEVEL, be(0), 9, differ(0)),
        (LEVEL, be(-1331), 9, negative("the level in the fitness", -1331)),
        (LOCKED_ROUND, be(-1), 17, negative("the locked round", -1)),
        (PREDECESSOR_ROUND, be(0), 21, not_negative(0)),
        (PREDECESSOR_ROUND, be(i32::MAX), 21, not_negative(2_147_483_647)),
        (ROUND, be(-1), 29, negative("the round", -1)),
        (ROUND, be(i32::MIN), 29, negative("the round", i32::MIN)),
    ] {
        let mut header = Header::new(1331, None, 2);
        header.fitness[element].clone_from(&bytes);
        assert_eq!(decode_block(&header.bytes()), refused(FITNESS_AT + offset, reason), "{element} {bytes:02x?}");
    }

    // What a baker of today does write.
    let mut header = Header::new(1331, Some(i32::MAX), 2);
    for predecessor_round in [-1, -2, i32::MIN] {
        header.fitness[PREDECESSOR_ROUND] = be(predecessor_round);
        assert!(decode_block(&header.bytes()).is_ok());
    }
}

#[test]
fn elements_of_a_fitness_have_their_length() {
    for element in 0..5 {
        for length in 0..=8 {
            let mut header = Header::new(0, None, 0);
            let right: &[usize] = match element {
                0 => &[1],
                2 => &[0, 4],
                _ => &[4],
            };
            // Zeros or the bytes that were there, so that only the length can be wrong.
            header.fitness[element].resize(length, 0);
            let result = decode_block(&header.bytes());
            assert_eq!(result.is_ok(), right.contains(&length), "element {element} of {length} bytes: {result:?}");
        }
    }
}

#[test]
fn an_element_of_a_wrong_length_is_named() {
    let wrong = |field, found, expected| Reason::Unexpected { field, found, expected };
    let one = "a length of 1";
    let none_or_four = "a length of 4, or of 0 for no locked round";
    for (element, length, offset, reason) in [
        (0, 0, 0, wrong("the fitness version", 0, one)),
        (0, 2, 0, wrong("the fitness version", 2, one)),
        (0, 5, 0, Reason::TooLong { field: "the fitness version", length: 5, limit: 4 }),
        (2, 1, 13, wrong("the locked round", 1, none_or_four)),
        (2, 3, 13, wrong("the locked round", 3, none_or_four)),
        (4, 5, 25, Reason::TooLong { field: "the round", length: 5, limit: 4 }),
    ] {
        let mut header = Header::new(0, None, 0);
        header.fitness[element].resize(length, 0);
        assert_eq!(decode_block(&header.bytes()), refused(FITNESS_AT + offset, reason));
    }
}

#[test]
fn a_fitness_has_five_elements() {
    for count in [0, 1, 2, 3, 4] {
        let mut header = Header::new(0, None, 0);
        header.fitness.truncate(count);
        assert!(decode_block(&header.bytes()).is_err(), "{count} elements");
    }
    for additional in [vec![], vec![0], vec![0; 4]] {
        let mut header = Header::new(0, None, 0);
        header.fitness.push(additional.clone());
        assert!(decode_block(&header.bytes()).is_err(), "and one of {additional:02x?}");
    }
}

#[test]
fn the_length_of_a_fitness_cannot_lie() {
    for (locked_round, honest) in [(None, 33), (Some(1), 37)] {
        let header = Header::new(1331, locked_round, 2).bytes();
        for length in (0..=64).chain([1 << 16, i32::MAX.unsigned_abs(), 1 << 31, u32::MAX]) {
            let mut payload = header.clone();
            payload[FITNESS_AT - 4..FITNESS_AT].copy_from_slice(&length.to_be_bytes());
            let result = decode_block(&payload);
            assert_eq!(result.is_ok(), length == honest, "{length} for {honest}: {result:?}");
            if length > 37 {
                let length = usize::try_from(length).unwrap();
                let reason = Reason::TooLong { field: "the fitness", length, limit: 37 };
                assert_eq!(result, refused(FITNESS_AT - 4, reason));
            }
        }
    }
}

#[test]
fn lengths_within_a_fitness_cannot_lie() {
    // Where the lengths of the five elements stand when no round is locked.
    for at in [0, 5, 13, 17, 25] {
        let header = Header::new(1331, None, 2).bytes();
        let at = FITNESS_AT + at;
        let honest = u32::from_be_bytes(*header[at..].first_chunk().unwrap());
        for length in (0..=37).chain([1 << 16, i32::MAX.unsigned_abs(), 1 << 31, u32::MAX]) {
            let mut payload = header.clone();
            payload[at..at + 4].copy_from_slice(&length.to_be_bytes());
            let result = decode_block(&payload);
            assert_eq!(result.is_ok(), length == honest, "{length} for {honest} at {at}: {result:?}");
        }
    }
}

#[test]
fn a_block_cut_short_is_refused_wherever_it_is_cut() {
    for locked_round in [None, Some(1)] {
        for curve in Curve::ALL {
            // With the shortest protocol data that a header can have, not one byte can be spared.
            let payload = Header::new(1331, locked_round, 2).bytes();
            for length in 0..payload.len() {
                let error = Payload::decode(&payload[..length], curve).unwrap_err();
                let is_about_the_end = matches!(error.reason, Reason::Empty | Reason::Truncated { .. });
                assert!(is_about_the_end && error.offset <= length, "{length} bytes: {error}");
            }
        }
    }
}

#[test]
fn protocol_data_is_not_interpreted() {
    const LIMIT: usize = 1024;
    let of_length = |length| {
        let protocol_data = vec![0xee; length];
        decode_block(&Header { protocol_data, ..Header::new(1331, None, 2) }.bytes())
    };
    let start = FITNESS_AT + 33 + 32;
    let field = "the protocol data";
    for (length, expected) in [
        (0, Err(Reason::Truncated { field, needed: 46, left: 0 })),
        (45, Err(Reason::Truncated { field, needed: 46, left: 45 })),
        (46, Ok(())),
        (78, Ok(())),
        (79, Ok(())),
        (200, Ok(())),
        (LIMIT, Ok(())),
        (LIMIT + 1, Err(Reason::TooLong { field, length: LIMIT + 1, limit: LIMIT })),
        (1 << 20, Err(Reason::TooLong { field, length: 1 << 20, limit: LIMIT })),
    ] {
        let expected = expected.map_err(|reason| DecodeError { offset: start, reason });
        assert_eq!(of_length(length).map(drop), expected, "{length}");
    }

    let documented = include_str!("../../docs/architecture.md");
    assert!(documented.contains(&format!("46 to {LIMIT} bytes of protocol data")), "the documents say so");

    let with_nonce = Header { protocol_data: protocol_data(Some([0x9e; 32])), ..Header::new(1331, Some(0), 2) };
    assert_eq!(with_nonce.bytes().len(), 234);
    assert!(decode_block(&with_nonce.bytes()).is_ok());
}

/// As marks and policies write them.
#[test]
fn kinds_and_numbers_are_known_by_their_text() {
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
    // What `marks raise` writes.
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

/// The level is read from the header and the round from the fitness, so nothing else may move them.
#[test]
fn no_other_byte_of_a_block_changes_level_or_round() {
    for locked_round in [None, Some(1)] {
        let header = Header::new(1331, locked_round, 2).bytes();
        let round_at = header.len() - 46 - 32 - 4;
        for at in 0..header.len() {
            if (5..9).contains(&at) || (round_at..round_at + 4).contains(&at) {
                continue;
            }
            for bit in 0..8 {
                let mut payload = header.clone();
                payload[at] ^= 1 << bit;
                let Ok(Payload::Block(block)) = decode_block(&payload) else { continue };
                assert_eq!(block.position, position(1331, 2), "bit {bit} of byte {at}");
                assert_eq!(block.chain.as_bytes().as_slice(), &payload[1..5]);
            }
        }
    }
}
