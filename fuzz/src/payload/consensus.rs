use azurehsm_signer::tezos::Curve;
use azurehsm_signer::tezos::payload::{DecodeError, Kind, Payload};
use std::ops::Range;

/// What a block or a vote says of itself, read at fixed offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reading {
    /// By its watermark byte.
    pub kind: Kind,
    /// The chain id.
    pub chain: [u8; 4],
    /// The level: below 2³¹.
    pub level: u32,
    /// The round: below 2³¹.
    pub round: u32,
}

const CHAIN: Range<usize> = 1..5;
const BRANCH: Range<usize> = 5..37;
const TAG: usize = 37;
const SLOT: Range<usize> = 38..40;
/// Protocol level, predecessor, timestamp, validation pass and operations hash of a block header.
const BETWEEN_LEVEL_AND_FITNESS: Range<usize> = 9..83;

/// Reads a block or vote that a key of this curve may sign; `None` if these bytes are none.
pub fn reading(payload: &[u8], curve: Curve) -> Option<Reading> {
    if *payload.first()? == 0x11 { block(payload) } else { vote(payload, curve) }
}

fn vote(payload: &[u8], curve: Curve) -> Option<Reading> {
    let (kind, has_dal) = match (payload[0], payload.get(TAG)?, curve == Curve::Bls) {
        (0x12, 20, false) | (0x12, 40, true) => (Kind::Preattestation, false),
        (0x13, 21, false) | (0x13, 41, true) => (Kind::Attestation, false),
        (0x13, 23, false) => (Kind::Attestation, true),
        _ => return None,
    };
    let (level_at, length) = if curve == Curve::Bls { (38, 78) } else { (40, 80) };
    let is_whole = if has_dal { is_number(payload.get(length..)?) } else { payload.len() == length };
    let (level, round) = (number(payload, level_at)?, number(payload, level_at + 4)?);
    is_whole.then_some(Reading { kind, chain: chain(payload)?, level, round })
}

/// Seven bits a byte, of which each but the last says that another follows; the last is not superfluous.
fn is_number(bytes: &[u8]) -> bool {
    let Some((last, others)) = bytes.split_last() else { return false };
    bytes.len() <= 1024
        && last & 0x80 == 0
        && (*last != 0 || others.is_empty())
        && others.iter().all(|byte| byte & 0x80 != 0)
}

/// A fitness of 33 bytes, or of 37 with a locked round, stands at byte 87 after its length.
fn block(payload: &[u8]) -> Option<Reading> {
    let level = payload.get(5..9)?;
    let length = usize::try_from(number(payload, 83)?).ok().filter(|length| [33, 37].contains(length))?;
    let fitness = payload.get(87..87 + length)?;
    let negated_round_at = length - 12;
    let has_fixed_parts = fitness.starts_with(&[0, 0, 0, 1, 2, 0, 0, 0, 4])
        && fitness.get(9..13)? == level
        && number(fitness, 13)? == u32::try_from(length - 33).ok()?
        && (length == 33 || number(fitness, 17).is_some())
        && number(fitness, negated_round_at - 4)? == 4
        && fitness[negated_round_at] >= 0x80
        && number(fitness, length - 8)? == 4;
    let protocol_data = payload.len().checked_sub(87 + length + 32)?;
    (has_fixed_parts && (46..=1024).contains(&protocol_data)).then_some(Reading {
        kind: Kind::Block,
        chain: chain(payload)?,
        level: number(payload, 5)?,
        round: number(fitness, length - 4)?,
    })
}

fn chain(payload: &[u8]) -> Option<[u8; 4]> {
    payload.get(CHAIN)?.try_into().ok()
}

/// A big-endian number that is not negative as an int32.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let value = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
    (value < 1 << 31).then_some(value)
}

/// Blocks and votes are accepted just if their reading says so, and are at the place that it says.
pub(super) fn check(payload: &[u8], curve: Curve, decoded: &Result<Payload, DecodeError>) {
    let decoded = decoded.as_ref().ok().and_then(read_by_the_decoder);
    let expected = payload.first().filter(|first| (0x11..=0x13).contains(*first)).and_then(|_| reading(payload, curve));
    assert_eq!(decoded, expected, "what the decoder says, and what stands at the fixed offsets");
    let Some(reading) = expected else { return };

    for spoiled in [Some(without_last_byte(payload)), Some([payload, &[0]].concat())].into_iter().flatten() {
        // A block header ends with what its protocol likes; a number may end elsewhere, as another number.
        if reading.kind != Kind::Block && payload[TAG] != 23 {
            assert!(Payload::decode(&spoiled, curve).is_err(), "a vote has one length");
        }
    }
    let other = with_other_content(payload, reading.kind, curve);
    let other = Payload::decode(&other, curve).ok().as_ref().and_then(read_by_the_decoder);
    assert_eq!(other, Some(reading), "neither branch, slot, payload hash, nor DAL bits make another slot");
    if reading.kind == Kind::Attestation && curve != Curve::Bls {
        let mut without_dal = payload[..80].to_vec();
        without_dal[TAG] = 21;
        let without_dal = Payload::decode(&without_dal, curve).ok().as_ref().and_then(read_by_the_decoder);
        assert_eq!(without_dal, Some(reading), "an attestation with DAL content has the mark of the one without");
    }
}

fn read_by_the_decoder(payload: &Payload) -> Option<Reading> {
    payload.consensus().map(|consensus| Reading {
        kind: consensus.kind,
        chain: *consensus.chain.as_bytes(),
        level: consensus.position.level.get(),
        round: consensus.position.round.get(),
    })
}

fn without_last_byte(payload: &[u8]) -> Vec<u8> {
    payload[..payload.len() - 1].to_vec()
}

/// All bits of what says neither chain nor level nor round are turned over.
fn with_other_content(payload: &[u8], kind: Kind, curve: Curve) -> Vec<u8> {
    let mut other = payload.to_vec();
    let turn_over = |bytes: &mut [u8], bits: u8| bytes.iter_mut().for_each(|byte| *byte ^= bits);
    if kind == Kind::Block {
        turn_over(&mut other[BETWEEN_LEVEL_AND_FITNESS], 0xff);
        let fitness_ends = 87 + usize::from(payload[86]);
        turn_over(&mut other[fitness_ends..], 0xff);
        return other;
    }
    turn_over(&mut other[BRANCH], 0xff);
    if curve == Curve::Bls {
        turn_over(&mut other[46..], 0xff);
        return other;
    }
    turn_over(&mut other[SLOT], 0xff);
    turn_over(&mut other[48..80], 0xff);
    if let Some((_, dal)) = other[80..].split_last_mut() {
        turn_over(dal, 0x7f);
    }
    other
}
