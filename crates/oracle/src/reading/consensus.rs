//! Decodes blocks and votes. [`Vote`](crate::payload::consensus::Vote) and [`Block`](crate::payload::consensus::Block) document
//! their layouts.

use super::Malformed;
use super::cursor::{Cursor, Field, wrong_at};
use crate::crypto::Curve;
use crate::payload::consensus::Kind;

/// The slot of a block or vote: a key may sign one digest at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Kind, by the watermark byte.
    pub kind: Kind,
    /// Chain id.
    pub chain: [u8; 4],
    /// Level, below 2³¹.
    pub level: u32,
    /// Round, below 2³¹.
    pub round: u32,
}

impl Slot {
    /// Decodes a block or a vote for a key of this curve.
    ///
    /// # Errors
    /// The first error; other payloads have an unknown watermark.
    pub fn read(payload: &[u8], curve: Curve) -> Result<Self, Malformed> {
        read(&mut Cursor::new(payload), curve)
    }
}

pub(super) fn read(cursor: &mut Cursor<'_>, curve: Curve) -> Result<Slot, Malformed> {
    let unknown = cursor.wrong("unknown_watermark");
    let watermark = cursor.byte()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.watermark() == watermark).ok_or(unknown)?;
    let mut chain = [0; 4];
    chain.copy_from_slice(cursor.take(4)?);
    let (level, round) = if kind == Kind::Block { block(cursor)? } else { vote(cursor, kind, curve)? };
    Ok(Slot { kind, chain, level, round })
}

fn vote(cursor: &mut Cursor<'_>, kind: Kind, curve: Curve) -> Result<(u32, u32), Malformed> {
    cursor.take(32)?;
    cursor.note(Field::Tag);
    let at = cursor.at();
    let tag = cursor.byte()?;
    let (tags, tags_of_tz4): (&[u8], &[u8]) =
        if kind == Kind::Preattestation { (&[20], &[40]) } else { (&[21, 23], &[41]) };
    let is_tz4 = curve == Curve::Bls;
    let (own, other) = if is_tz4 { (tags_of_tz4, tags) } else { (tags, tags_of_tz4) };
    if !own.contains(&tag) {
        return Err(wrong_at(at, if other.contains(&tag) { "tag_of_other_curve" } else { "tag_of_other_kind" }));
    }
    cursor.take(if is_tz4 { 0 } else { 2 })?;
    let position = (cursor.non_negative()?, cursor.non_negative()?);
    cursor.take(32)?;
    if tag == 23 {
        cursor.skip_number()?;
    }
    end(cursor)?;
    Ok(position)
}

fn block(cursor: &mut Cursor<'_>) -> Result<(u32, u32), Malformed> {
    let level = cursor.non_negative()?;
    // Protocol level, predecessor, timestamp, validation pass and operations hash.
    for length in [1, 32, 8, 1, 32] {
        cursor.take(length)?;
    }
    let round = cursor.sized(37, |fitness| round_of(fitness, level))?;
    cursor.take(32)?;
    match cursor.left() {
        0..46 => Err(cursor.wrong("truncated")),
        46..=1024 => Ok((level, round)),
        _ => Err(cursor.wrong("too_long")),
    }
}

/// The round in a Tenderbake fitness: version 2, the header's level, an optional locked round, minus the predecessor's round minus
/// one, and the round.
fn round_of(fitness: &mut Cursor<'_>, level: u32) -> Result<u32, Malformed> {
    let unless = |is_right: bool, at, problem| if is_right { Ok(()) } else { Err(wrong_at(at, problem)) };
    element(fitness, &[1], |version: &mut Cursor<'_>| {
        let at = version.at();
        let version = version.byte()?;
        unless(version == 2, at, "wrong_value")
    })?;
    element(fitness, &[4], |cursor: &mut Cursor<'_>| {
        let at = cursor.at();
        let found = cursor.non_negative()?;
        unless(found == level, at, "levels_differ")
    })?;
    element(
        fitness,
        &[0, 4],
        |cursor: &mut Cursor<'_>| if cursor.left() == 0 { Ok(0) } else { cursor.non_negative() },
    )?;
    element(fitness, &[4], |cursor: &mut Cursor<'_>| {
        let at = cursor.at();
        let found = cursor.unsigned(4)?;
        unless(found >= 1 << 31, at, "wrong_value")
    })?;
    let round = element(fitness, &[4], |cursor: &mut Cursor<'_>| cursor.non_negative())?;
    end(fitness)?;
    Ok(round)
}

/// An element of a fitness: a u32 length, which must be one of these, and as many bytes.
fn element<T>(
    fitness: &mut Cursor<'_>,
    lengths: &[usize],
    read: impl FnOnce(&mut Cursor<'_>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let at = fitness.at();
    fitness.sized(
        4,
        |cursor| {
            if lengths.contains(&cursor.left()) { read(cursor) } else { Err(wrong_at(at, "wrong_value")) }
        },
    )
}

fn end(cursor: &Cursor<'_>) -> Result<(), Malformed> {
    if cursor.left() == 0 { Ok(()) } else { Err(cursor.wrong("trailing_bytes")) }
}
