//! Block headers.

use super::super::ChainId;
use super::{DecodeError, NonNegative, Position, Reader, Reason};

/// A block header to be signed (`src/lib_base/block_header.ml`, `shell_header_encoding`; `fitness_repr.ml`, `to_raw`).
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 1 | 0x11 |
/// | 1 | 4 | chain id |
/// | 5 | 4 | level |
/// | 9 | 1 | protocol level |
/// | 10 | 32 | predecessor |
/// | 42 | 8 | timestamp |
/// | 50 | 1 | validation pass |
/// | 51 | 32 | operations hash |
/// | 83 | 4 | length F of the fitness: 33 or 37 |
/// | 87 | F | fitness: version 2, level, locked round or none, −(predecessor's round)−1, round |
/// | 87+F | 32 | context |
/// | 119+F | 46 or more | protocol data: not interpreted |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The chain of the block.
    pub chain: ChainId,
    /// The level, and the round from the fitness.
    pub position: Position,
}

/// Payload hash 32, payload round 4, proof-of-work nonce 8, flag of the seed nonce hash 1, votes 1: no Tenderbake protocol has had
/// less. The content is not interpreted, so that the next protocol does not stop a baker.
const MIN_PROTOCOL_DATA_BYTES: usize = 46;

/// Well above today's 78 bytes, but too short to hide anything.
const MAX_PROTOCOL_DATA_BYTES: usize = 1024;

impl Block {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let chain = ChainId::from_bytes(reader.array("the chain id")?);
        let level = reader.non_negative("the level")?;
        reader.u8("the protocol level")?;
        reader.take(32, "the predecessor")?;
        reader.take(8, "the timestamp")?;
        reader.u8("the validation pass")?;
        reader.take(32, "the operations hash")?;
        let round = fitness_round(reader, level)?;
        reader.take(32, "the context")?;

        let found = reader.left();
        if found < MIN_PROTOCOL_DATA_BYTES {
            let field = "the protocol data";
            return Err(reader.error(Reason::Truncated { field, needed: MIN_PROTOCOL_DATA_BYTES, left: found }));
        }
        if found > MAX_PROTOCOL_DATA_BYTES {
            let field = "the protocol data";
            return Err(reader.error(Reason::TooLong { field, length: found, limit: MAX_PROTOCOL_DATA_BYTES }));
        }
        Ok(Self { chain, position: Position { level, round } })
    }
}

/// Parses every byte of a Tenderbake fitness: five elements, each after its u32 length. Older forms are rejected.
fn fitness_round(reader: &mut Reader<'_>, header_level: NonNegative) -> Result<NonNegative, DecodeError> {
    const MAX_FITNESS_BYTES: usize = 37;
    let mut fitness = reader.sized("the fitness", MAX_FITNESS_BYTES)?;

    let mut version = element(&mut fitness, "the fitness version", &[1], "a length of 1")?;
    let start = version.offset();
    let found = version.u8("the fitness version")?;
    if found != 2 {
        let reason =
            Reason::Unexpected { field: "the fitness version", found: i64::from(found), expected: "2 (Tenderbake)" };
        return Err(DecodeError { offset: start, reason });
    }

    let mut level = element(&mut fitness, "the level in the fitness", &[4], "a length of 4")?;
    let start = level.offset();
    let level = level.non_negative("the level in the fitness")?;
    if level != header_level {
        let reason = Reason::LevelsDiffer { fitness: level, header: header_level };
        return Err(DecodeError { offset: start, reason });
    }

    let mut locked_round =
        element(&mut fitness, "the locked round", &[0, 4], "a length of 4, or of 0 for no locked round")?;
    if !locked_round.is_at_end() {
        locked_round.non_negative("the locked round")?;
    }

    let mut predecessor_round = element(&mut fitness, "the predecessor's round", &[4], "a length of 4")?;
    let start = predecessor_round.offset();
    let found = predecessor_round.i32("the predecessor's round")?;
    if found >= 0 {
        let reason = Reason::Unexpected {
            field: "the predecessor's round",
            found: i64::from(found),
            expected: "a negative number: minus the round, minus one",
        };
        return Err(DecodeError { offset: start, reason });
    }

    let round = element(&mut fitness, "the round", &[4], "a length of 4")?.non_negative("the round")?;
    fitness.end("the fitness")?;
    Ok(round)
}

fn element<'a>(
    fitness: &mut Reader<'a>,
    field: &'static str,
    lengths: &[usize],
    expected: &'static str,
) -> Result<Reader<'a>, DecodeError> {
    let start = fitness.offset();
    let element = fitness.sized(field, 4)?;
    if lengths.contains(&element.left()) {
        Ok(element)
    } else {
        let found = i64::try_from(element.left()).unwrap_or(i64::MAX);
        Err(DecodeError { offset: start, reason: Reason::Unexpected { field, found, expected } })
    }
}
