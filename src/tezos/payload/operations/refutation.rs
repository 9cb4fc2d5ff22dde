//! Moves of refutation games.

use super::super::{DecodeError, Reader, Reason};

/// Checks a move of a refutation game: the start, a dissection, or a proof (`sc_rollup_game_repr.ml`).
pub(super) fn walk(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    if tag(reader, "a refutation", 1)? == 0 {
        reader.take(32, "the player's commitment")?;
        reader.take(32, "the opponent's commitment")?;
        return Ok(());
    }
    reader.skip_natural("the choice")?;
    if tag(reader, "a step", 1)? == 0 { dissection(reader) } else { proof(reader) }
}

fn dissection(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let mut sections = reader.sized("the dissection", super::MAX_OPERATION_LENGTH)?;
    while !sections.is_at_end() {
        if sections.presence("the presence of a state")? {
            sections.take(32, "the state")?;
        }
        sections.skip_natural("the tick")?;
    }
    Ok(())
}

fn proof(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    reader.bytes("the machine's step")?;
    if !reader.presence("the presence of an input proof")? {
        return Ok(());
    }
    match tag(reader, "an input proof", 2)? {
        0 => {
            reader.i32("the inbox level")?;
            reader.skip_natural("the message counter")?;
            reader.bytes("the inbox proof")?;
        }
        1 => reveal_proof(reader)?,
        _ => {}
    }
    Ok(())
}

fn reveal_proof(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    match tag(reader, "a reveal proof", 3)? {
        0 => {
            let length = usize::from(reader.u16("the length of the raw data")?);
            reader.take(length, "the raw data")?;
        }
        2 => {
            reader.i32("the DAL level")?;
            reader.u8("the DAL slot index")?;
            reader.u16("the DAL page index")?;
            reader.bytes("the DAL proof")?;
        }
        // Metadata and DAL parameters have no content.
        _ => {}
    }
    Ok(())
}

fn tag(reader: &mut Reader<'_>, of: &'static str, highest: u8) -> Result<u8, DecodeError> {
    let offset = reader.offset();
    let tag = reader.u8(of)?;
    if tag <= highest { Ok(tag) } else { Err(DecodeError { offset, reason: Reason::UnknownTag { tag, of } }) }
}
