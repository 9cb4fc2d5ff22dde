//! The decoder against the oracle, an independent decoder: payloads of every form, intact and damaged. Both must agree on the
//! result, or on the error and its offset.

use crate::reading::decode;
use crate::samples::PAYLOADS;
use oracle::crypto::Curve;
use oracle::payload::consensus::{Block, protocol_data};
use oracle::payload::operations::{CONTENTS_AT, message, payload};
use oracle::reading::{Decoded, Field, read};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::sync::LazyLock;

/// Asserts that both decode a payload alike for a key of this curve.
fn agree(payload: &[u8], curve: Curve) -> Result<Decoded, String> {
    let expected = read(payload, curve).map(|reading| reading.decoded);
    let found = decode(payload, curve);
    assert_eq!(found, expected, "{curve:?}: {}", hex::encode(payload));
    found.map_err(|malformed| malformed.problem)
}

fn agree_for_every_curve(payload: &[u8]) {
    for curve in Curve::ALL {
        drop(agree(payload, curve));
    }
}

#[test]
fn every_payload_is_decoded_like_the_oracle() {
    PAYLOADS.values().for_each(|payload| agree_for_every_curve(payload));
}

/// The suite's valid payloads, with the curve of a key that signs them.
static SIGNED: LazyLock<Vec<(&[u8], Curve)>> = LazyLock::new(|| {
    let is_of_the_suite = |(id, payload): &(&String, &Vec<u8>)| id.starts_with("decode/") && payload.len() < 512;
    let payloads = PAYLOADS.iter().filter(is_of_the_suite).map(|(_, payload)| payload.as_slice());
    let curve = |payload| [Curve::P256, Curve::Bls].into_iter().find(|curve| read(payload, *curve).is_ok());
    payloads.filter_map(|payload| Some((payload, curve(payload)?))).collect()
});

/// The bytes with those from `at` to `end` replaced.
fn replaced(payload: &[u8], at: usize, end: usize, by: &[u8]) -> Vec<u8> {
    [&payload[..at], by, &payload[end..]].concat()
}

#[test]
fn truncated_and_extended_payloads_are_decoded_like_the_oracle() {
    for (payload, curve) in SIGNED.iter() {
        for length in 0..payload.len() {
            // A batch may end after any of its contents, packed data anywhere, and a block anywhere in its protocol data.
            let result = agree(&payload[..length], *curve);
            let may_end = [0x03, 0x05, 0x11].contains(&payload[0]);
            assert!(may_end || result.is_err(), "{length} bytes of {}", hex::encode(payload));
        }
        for byte in 0..=255 {
            drop(agree(&[payload, [byte].as_slice()].concat(), *curve));
        }
        for end in [[0x00; 64], [0x6b; 64], [0xff; 64]] {
            drop(agree(&[*payload, &end].concat(), *curve));
        }
    }
}

#[test]
fn payloads_with_flipped_bits_are_decoded_like_the_oracle() {
    for (payload, curve) in SIGNED.iter() {
        for at in 0..payload.len() {
            for bits in [0x01, 0x80, 0xff] {
                drop(agree(&replaced(payload, at, at + 1, &[payload[at] ^ bits]), *curve));
            }
        }
    }
}

#[test]
fn payloads_with_false_lengths_are_decoded_like_the_oracle() {
    let numbers = [
        vec![0x80, 0x00],
        vec![0xff, 0x80, 0x00],
        vec![0x80; 4096],
        number_of_length(9),
        number_of_length(10),
        number_of_length(11),
        number_of_length(1024),
        number_of_length(1025),
        oracle::payload::natural((1 << 63) - 1),
        oracle::payload::natural(1 << 63),
        oracle::payload::natural((1 << 64) + 1),
    ];
    for (payload, curve) in SIGNED.iter() {
        for (at, field) in read(payload, *curve).unwrap().fields {
            let (end, values) = match field {
                Field::Tag | Field::Presence => (at + 1, (0..=255).map(|byte| vec![byte]).collect()),
                Field::Length => (at + 4, lengths(u32::from_be_bytes(*payload[at..].first_chunk().unwrap()))),
                Field::Natural | Field::Mutez | Field::Number => {
                    let last = payload[at..].iter().position(|byte| byte & 0x80 == 0).unwrap();
                    (at + last + 1, numbers.to_vec())
                }
            };
            for value in values {
                drop(agree(&replaced(payload, at, end, &value), *curve));
            }
        }
    }
}

fn number_of_length(length: usize) -> Vec<u8> {
    [vec![0xff; length - 1], vec![0x01]].concat()
}

fn lengths(honest: u32) -> Vec<Vec<u8>> {
    let near = [0, 1, 33, 37, 38, honest.wrapping_sub(1), honest + 1, honest + 0x0100];
    let far = [32 * 1024, 32 * 1024 + 1, u32::MAX >> 1, 1 << 31, u32::MAX];
    near.into_iter().chain(far).map(|length| length.to_be_bytes().to_vec()).collect()
}

/// Every watermark byte, with every content tag.
#[test]
fn every_watermark_and_every_tag_is_decoded_like_the_oracle() {
    for byte in 0..=255 {
        for (payload, _) in SIGNED.iter().step_by(7) {
            agree_for_every_curve(&replaced(payload, 0, 1, &[byte]));
        }
        for rest in [[byte; 60], [0xd7; 60]] {
            agree_for_every_curve(&payload(&[[[byte].as_slice(), &rest].concat()]));
        }
    }
}

#[test]
fn elements_of_a_fitness_have_a_fixed_length() {
    for element in 0..5 {
        for length in 0..=8 {
            let mut block = Block::new(0, 0);
            block.fitness[element].resize(length, 0);
            drop(agree(&block.bytes(), Curve::P256));
        }
    }
    for count in 0..=7 {
        let mut block = Block::new(0, 0);
        block.fitness.resize(count, vec![0; 4]);
        drop(agree(&block.bytes(), Curve::P256));
    }
}

#[test]
fn limits_of_length_are_as_documented() {
    for length in [0, 45, 46, 78, 79, 1024, 1025, 1 << 20] {
        let block = Block { protocol_data: vec![0xee; length], ..Block::new(1331, 2) };
        assert_eq!(agree(&block.bytes(), Curve::P256).is_ok(), (46..=1024).contains(&length), "{length}");
    }
    assert!(include_str!("../../docs/architecture.md").contains("46 to 1024 bytes of protocol data"));
    let with_nonce = Block { protocol_data: protocol_data(0, Some(0x9e)), ..Block::new(1331, 2) };
    assert!(agree(&with_nonce.bytes(), Curve::P256).is_ok());

    let limit = 32 * 1024;
    for length in [limit - 1, limit, limit + 1, 2 * limit, 1 << 20] {
        // Branch, tag, and the length of the message.
        let payload = payload(&[message(&vec![b'x'; length - 32 - 1 - 4])]);
        assert_eq!(agree(&payload, Curve::P256).is_ok(), length <= limit, "{length}");
    }
}

/// Bytes with a meaning in some field: lengths, endless numbers, flags, tags.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let known = [&[0xff; 4][..], &[0x7f, 0xff, 0xff, 0xff], &[0x80, 0, 0, 0], &[0; 4], &[0x80; 1100], &[0x80, 0x00]];
    prop_oneof![
        vec(any::<u8>(), 1..40),
        select(known.map(<[u8]>::to_vec).to_vec()),
        any::<u8>().prop_map(|byte| vec![byte]),
    ]
}

/// Replaces a range of a payload by other bytes, possibly the end of another payload; both may be empty.
#[derive(Debug, Clone)]
struct Mutation {
    at: Index,
    removed: usize,
    by: Vec<u8>,
    spliced: Option<[Index; 2]>,
}

impl Mutation {
    fn spoil(&self, payload: &mut Vec<u8>) {
        let at = self.at.index(payload.len() + 1);
        let end = payload.len().min(at + self.removed);
        payload.splice(at..end, self.by.iter().copied());
        if let Some([other, from]) = &self.spliced {
            let (other, _) = other.get(&SIGNED);
            payload.truncate(at);
            payload.extend_from_slice(&other[from.index(other.len())..]);
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let by = prop_oneof![hostile_bytes(), Just(Vec::new())];
    let spliced = prop::option::weighted(0.2, any::<[Index; 2]>());
    (any::<Index>(), 0_usize..40, by, spliced).prop_map(|(at, removed, by, spliced)| Mutation {
        at,
        removed,
        by,
        spliced,
    })
}

/// Contents that can be batched, without the rest of their payloads.
static MANAGERS: LazyLock<Vec<&[u8]>> = LazyLock::new(|| {
    let payloads = SIGNED.iter().filter(|(payload, _)| payload[0] == 0x03 && payload[CONTENTS_AT] >= 107);
    payloads.map(|(payload, _)| &payload[CONTENTS_AT..]).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_bytes_are_read_alike(
        watermark in select(vec![0x03, 0x05, 0x11, 0x12, 0x13]),
        bytes in vec(any::<u8>(), 0..400),
    ) {
        agree_for_every_curve(&bytes);
        agree_for_every_curve(&[&[watermark], bytes.as_slice()].concat());
    }

    /// Starts with a given tag, since random ones are rarely valid.
    #[test]
    fn any_bytes_behind_a_content_tag_are_read_alike(
        tag in (0..SIGNED.len()).prop_map(|index| SIGNED[index].0[CONTENTS_AT.min(SIGNED[index].0.len() - 1)]),
        small in any::<bool>(),
        mut content in vec(any::<u8>(), 0..400),
    ) {
        if small {
            // Small bytes are more often tags, short lengths and complete numbers.
            for byte in &mut content {
                *byte %= 4;
            }
        }
        agree_for_every_curve(&payload(&[[&[tag], content.as_slice()].concat()]));
    }

    #[test]
    fn payloads_spoilt_in_several_places_are_read_alike(index in any::<Index>(), mutations in vec(mutation(), 1..6)) {
        let mut payload = index.get(&SIGNED).0.to_vec();
        for mutation in mutations {
            mutation.spoil(&mut payload);
        }
        agree_for_every_curve(&payload);
    }

    #[test]
    fn batches_are_read_alike(batch in vec(any::<Index>(), 1..12), alone in any::<Option<(Index, Index)>>()) {
        let mut contents: Vec<Vec<u8>> = batch.iter().map(|index| index.get(&MANAGERS).to_vec()).collect();
        if let Some((place, which)) = alone {
            // This may be a vote or an operation that cannot be batched.
            let content = which.get(&SIGNED).0;
            contents.insert(place.index(contents.len() + 1), content[CONTENTS_AT.min(content.len())..].to_vec());
        }
        agree_for_every_curve(&payload(&contents));
    }
}
