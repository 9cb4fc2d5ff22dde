//! The decoder takes any bytes at all: it answers, always the same, and what it accepts says what it was taken to say.

use crate::samples::operations::{
    CONTENTS_AT, Field, Sample, manager_samples, meanings, payload, payload_of_bytes, samples, standalone_samples,
};
use crate::samples::votes_and_blocks::{FITNESS_AT, FORMS, Header, MAINNET, position, protocol_data};
use azurehsm_signer::tezos::Curve;
use azurehsm_signer::tezos::payload::{Kind, NonNegative, NotUnderstood, Payload, Position};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::sync::LazyLock;

/// Valid payloads of every shape, to be spoilt.
static VALID: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let votes = FORMS.iter().map(|form| form.vote(1331, 2));
    let blocks = [None, Some(1)].map(|locked_round| Header::new(1331, locked_round, 2).bytes());
    let with_nonce = Header { protocol_data: protocol_data(Some([0x9e; 32])), ..Header::new(1331, None, 2) }.bytes();
    let operations = samples().into_iter().map(|sample| payload([&sample.content]));
    let managers = manager_samples();
    let batch = payload(managers.iter().step_by(9).map(|sample| &sample.content));
    votes.chain(blocks).chain([with_nonce, batch]).chain(operations).collect()
});

/// Where the fields of operations stand at which a decoder could be led astray, with the payloads that they are in.
static FIELDS: LazyLock<Vec<(Vec<u8>, usize)>> = LazyLock::new(|| {
    let places = |sample: Sample| {
        let payload = payload([&sample.content]);
        sample.content.fields.into_iter().map(move |(at, _)| (payload.clone(), CONTENTS_AT + at))
    };
    samples().into_iter().flat_map(places).collect()
});

/// One way to spoil a payload. Places are relative, so that each fits any payload.
#[derive(Debug, Clone)]
enum Mutation {
    FlipBit(Index, u8),
    Overwrite(Index, Vec<u8>),
    Insert(Index, Vec<u8>),
    Delete(Index, usize),
    CutOff(Index),
    /// The end of another valid payload in place of this one's.
    Splice(Index, Index, Index),
    ChangeWatermark(u8),
}

impl Mutation {
    fn spoil(&self, payload: &mut Vec<u8>) {
        let place = |index: &Index, payload: &[u8]| index.index(payload.len() + 1);
        match self {
            Self::FlipBit(index, bit) if !payload.is_empty() => {
                let at = index.index(payload.len());
                payload[at] ^= 1 << bit;
            }
            Self::Overwrite(index, bytes) => {
                let at = place(index, payload);
                let end = payload.len().min(at + bytes.len());
                payload.splice(at..end, bytes.iter().copied());
            }
            Self::Insert(index, bytes) => {
                let at = place(index, payload);
                payload.splice(at..at, bytes.iter().copied());
            }
            Self::Delete(index, count) => {
                let at = place(index, payload);
                payload.drain(at..payload.len().min(at + count));
            }
            Self::CutOff(index) => payload.truncate(place(index, payload)),
            Self::Splice(here, other, there) => {
                let other = other.get(&VALID);
                payload.truncate(place(here, payload));
                payload.extend_from_slice(&other[place(there, other)..]);
            }
            Self::ChangeWatermark(byte) if !payload.is_empty() => payload[0] = *byte,
            Self::FlipBit(..) | Self::ChangeWatermark(_) => {}
        }
    }
}

/// Bytes that mean something somewhere: lengths, numbers without end, flags, tags.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 1..40),
        select(vec![
            vec![0xff; 4],
            vec![0x7f, 0xff, 0xff, 0xff],
            vec![0x80, 0x00, 0x00, 0x00],
            vec![0x00; 4],
            vec![0x00, 0x00, 0x80, 0x00],
            vec![0x80; 12],
            vec![0x80; 1100],
            vec![0x80, 0x00],
            vec![0xff],
        ]),
        (0_u8..=255).prop_map(|tag| vec![tag]),
    ]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => (any::<Index>(), 0_u8..8).prop_map(|(index, bit)| Mutation::FlipBit(index, bit)),
        2 => (any::<Index>(), hostile_bytes()).prop_map(|(index, bytes)| Mutation::Overwrite(index, bytes)),
        2 => (any::<Index>(), hostile_bytes()).prop_map(|(index, bytes)| Mutation::Insert(index, bytes)),
        2 => (any::<Index>(), 1_usize..40).prop_map(|(index, count)| Mutation::Delete(index, count)),
        1 => any::<Index>().prop_map(Mutation::CutOff),
        1 => any::<[Index; 3]>().prop_map(|[here, other, there]| Mutation::Splice(here, other, there)),
        1 => watermark().prop_map(Mutation::ChangeWatermark),
    ]
}

fn watermark() -> impl Strategy<Value = u8> {
    select(vec![0x03, 0x05, 0x11, 0x12, 0x13])
}

/// Decodes for every curve, and holds each answer against the bytes.
fn check(payload: &[u8]) -> Result<(), TestCaseError> {
    for curve in Curve::ALL {
        let answer = Payload::decode(payload, curve);
        prop_assert_eq!(&answer, &Payload::decode(payload, curve), "not the same answer twice");
        match answer {
            Err(error) => {
                prop_assert!(error.offset <= payload.len(), "{} of {} bytes", error, payload.len());
                let place = format!("byte {}: ", error.offset);
                prop_assert!(error.to_string().starts_with(&place), "{}", error);
                let refusal = NotUnderstood::new(error, payload);
                prop_assert!(refusal.outdated.is_none() || payload[0] == 0x03, "{}", refusal);
            }
            Ok(Payload::Block(block)) => {
                prop_assert_eq!(payload[0], 0x11);
                prop_assert_eq!(&payload[1..5], block.chain.as_bytes());
                let fitness_end = FITNESS_AT + usize::try_from(i32_at(payload, FITNESS_AT - 4)).unwrap();
                prop_assert_eq!(Some(block.position), position_at(payload, 5, fitness_end - 4));
            }
            Ok(Payload::Vote(vote)) => {
                let form = FORMS.iter().find(|form| (form.watermark, form.tag) == (payload[0], payload[37])).unwrap();
                prop_assert_eq!(vote.kind, form.kind);
                prop_assert!(form.curves.contains(&curve));
                prop_assert_eq!(&payload[1..5], vote.chain.as_bytes());
                prop_assert_eq!(Some(vote.position), position_at(payload, form.level_at, form.level_at + 4));
                let has_its_length = if form.tag == 23 { payload.len() > 80 } else { payload.len() == form.length };
                prop_assert!(has_its_length, "{:?} of {} bytes", form, payload.len());
            }
            Ok(Payload::Operations(operations)) => {
                prop_assert_eq!(payload[0], 0x03);
                prop_assert_eq!(&payload[1..CONTENTS_AT], operations.branch.as_bytes());
                prop_assert!(!operations.contents.is_empty());
                let all_pay = operations.contents.iter().all(|content| content.fee.is_some());
                prop_assert!(all_pay || operations.contents.len() == 1, "{:?}", operations);
            }
            Ok(Payload::PackedData) => prop_assert!(payload[0] == 0x05 && payload.len() > 1),
        }
    }
    Ok(())
}

fn i32_at(payload: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(*payload[at..].first_chunk().unwrap())
}

fn position_at(payload: &[u8], level_at: usize, round_at: usize) -> Option<Position> {
    let number = |at| NonNegative::try_from(i32_at(payload, at)).ok();
    Some(Position { level: number(level_at)?, round: number(round_at)? })
}

#[test]
fn valid_payloads_are_accepted_by_some_curve() {
    for payload in VALID.iter() {
        assert!(Curve::ALL.iter().any(|curve| Payload::decode(payload, *curve).is_ok()), "{payload:02x?}");
        check(payload).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_bytes_get_an_answer(payload in vec(any::<u8>(), 0..400)) {
        check(&payload)?;
    }

    #[test]
    fn any_bytes_behind_a_watermark_get_an_answer(
        watermark in watermark(),
        payload in vec(any::<u8>(), 0..400),
    ) {
        check(&[&[watermark], payload.as_slice()].concat())?;
    }

    /// Random tags are rarely those of a content, so one is given.
    #[test]
    fn any_bytes_behind_a_content_tag_get_an_answer(
        tag in select(samples()).prop_map(|sample| sample.content.bytes[0]),
        small in any::<bool>(),
        mut content in vec(any::<u8>(), 0..400),
    ) {
        if small {
            // Small bytes are tags, short lengths and whole numbers much more often.
            for byte in &mut content {
                *byte %= 4;
            }
        }
        check(&payload_of_bytes(&[&[tag], content.as_slice()].concat()))?;
    }

    #[test]
    fn spoilt_payloads_get_an_answer(index in any::<Index>(), mutations in vec(mutation(), 1..6)) {
        let mut payload = index.get(&VALID).clone();
        for mutation in mutations {
            mutation.spoil(&mut payload);
        }
        check(&payload)?;
    }

    #[test]
    fn fields_that_lie_get_an_answer(index in any::<Index>(), bytes in hostile_bytes(), is_inserted in any::<bool>()) {
        let (mut payload, at) = index.get(&FIELDS).clone();
        let end = if is_inserted { at } else { payload.len().min(at + bytes.len()) };
        payload.splice(at..end, bytes);
        check(&payload)?;
    }

    #[test]
    fn every_vote_is_read_for_what_it_is(
        form in select(FORMS.to_vec()),
        level in any::<i32>(),
        round in any::<i32>(),
    ) {
        let payload = form.vote(level, round);
        check(&payload)?;
        for curve in Curve::ALL {
            let is_possible = level >= 0 && round >= 0 && form.curves.contains(&curve);
            let consensus = Payload::decode(&payload, curve).ok().and_then(|payload| payload.consensus());
            prop_assert_eq!(consensus.is_some(), is_possible);
            if let Some(consensus) = consensus {
                prop_assert_eq!(consensus.kind, form.kind);
                prop_assert_eq!(consensus.chain.as_bytes(), &MAINNET);
                prop_assert_eq!(consensus.position, position(level, round));
            }
        }
    }

    #[test]
    fn every_block_is_read_for_what_it_is(
        level in any::<i32>(),
        locked_round in any::<Option<i32>>(),
        round in any::<i32>(),
        protocol_data in vec(any::<u8>(), 46..300),
    ) {
        let payload = Header { protocol_data, ..Header::new(level, locked_round, round) }.bytes();
        check(&payload)?;
        let is_possible = level >= 0 && round >= 0 && locked_round.is_none_or(|round| round >= 0);
        for curve in Curve::ALL {
            let consensus = Payload::decode(&payload, curve).ok().and_then(|payload| payload.consensus());
            prop_assert_eq!(consensus.is_some(), is_possible);
            if let Some(consensus) = consensus {
                prop_assert_eq!(consensus.kind, Kind::Block);
                prop_assert_eq!(consensus.position, position(level, round));
            }
        }
    }

    #[test]
    fn every_batch_is_read_for_what_it_is(batch in vec(select(manager_samples()), 1..12)) {
        let payload = payload(batch.iter().map(|sample| &sample.content));
        check(&payload)?;
        prop_assert_eq!(meanings(&payload), Ok(batch.into_iter().map(|sample| sample.meaning).collect()));
    }

    #[test]
    fn a_batch_is_refused_where_one_byte_is_impossible(
        batch in vec(select(manager_samples()), 1..6),
        which in any::<Index>(),
        field in any::<Index>(),
        byte in any::<Index>(),
    ) {
        let which = which.index(batch.len());
        let sample = &batch[which];
        let impossible: Vec<_> = sample.content.fields.iter().filter_map(|(at, field)| match field {
            Field::Tag(impossible) | Field::Flag(impossible) => Some((at, impossible)),
            _ => None,
        }).collect();
        let (at, bytes) = field.get(&impossible);
        let offset = CONTENTS_AT + batch[..which].iter().map(|before| before.content.bytes.len()).sum::<usize>() + *at;

        let mut payload = payload(batch.iter().map(|sample| &sample.content));
        payload[offset] = *byte.get(&(*bytes).clone().collect::<Vec<u8>>());
        let error = Payload::decode(&payload, Curve::P256).map_err(|error| error.offset);
        prop_assert_eq!(error, Err(offset), "{} in a batch of {}", sample.name, batch.len());
    }

    #[test]
    fn no_batch_holds_what_stands_alone(
        mut batch in vec(select(manager_samples()), 1..5),
        alone in select(standalone_samples()),
        place in any::<Index>(),
    ) {
        batch.insert(place.index(batch.len() + 1), alone);
        let payload = payload(batch.iter().map(|sample| &sample.content));
        prop_assert!(Payload::decode(&payload, Curve::P256).is_err(), "{:?}", batch);
    }
}
