//! A place in a payload, and the encodings that fields are made of.

use super::Malformed;

/// The largest number of bytes of a field with a length, and of an operation: 32 KiB (`constants_repr.ml`,
/// `max_operation_data_length`).
pub(super) const MAX_BYTES: usize = 32 * 1024;

/// A field that decides what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// One byte out of few that says what follows.
    Tag,
    /// 00 or ff: whether a value follows.
    Presence,
    /// A u32 number of bytes.
    Length,
    /// A natural number: seven bits a byte, the lowest first, at most ten bytes.
    Natural,
    /// A natural number of at most 63 bits.
    Mutez,
    /// A number of at most 1024 bytes.
    Number,
}

/// Reads from `at` up to `end`. Each method fails where its field begins, unless it says otherwise.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    payload: &'a [u8],
    at: usize,
    end: usize,
    fields: Vec<(usize, Field)>,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(payload: &'a [u8]) -> Self {
        Self { payload, at: 0, end: payload.len(), fields: Vec::new() }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn left(&self) -> usize {
        self.end - self.at
    }

    pub(super) fn into_fields(self) -> Vec<(usize, Field)> {
        self.fields
    }

    pub(super) fn note(&mut self, field: Field) {
        self.fields.push((self.at, field));
    }

    /// Something that is wrong with the next field.
    pub(super) fn wrong(&self, problem: &str) -> Malformed {
        wrong_at(self.at, problem)
    }

    /// So many bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.end);
        let bytes = end.and_then(|end| self.payload.get(self.at..end)).ok_or_else(|| self.wrong("truncated"))?;
        self.at += length;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1).map(|bytes| bytes.iter().copied().sum())
    }

    /// A big-endian u32, or u16 of two bytes.
    pub(super) fn unsigned(&mut self, bytes: usize) -> Result<u32, Malformed> {
        let bytes = self.take(bytes)?;
        Ok(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    /// An i32 that is not negative.
    pub(super) fn non_negative(&mut self) -> Result<u32, Malformed> {
        let at = self.at;
        self.unsigned(4).and_then(|value| if value < 1 << 31 { Ok(value) } else { Err(wrong_at(at, "negative")) })
    }

    /// A u32 length, and what is within so many bytes. An end within the bytes is an error behind the length.
    pub(super) fn sized<T>(
        &mut self,
        limit: usize,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        self.note(Field::Length);
        let at = self.at;
        let length = usize::try_from(self.unsigned(4)?).unwrap_or(usize::MAX);
        if length > limit {
            return Err(wrong_at(at, "too_long"));
        }
        self.within(length, read)
    }

    /// What is within the next bytes: `read` sees nothing behind them, and may leave some.
    pub(super) fn within<T>(
        &mut self,
        length: usize,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let start = self.at;
        self.take(length)?;
        let (behind, end) = (self.at, self.end);
        (self.at, self.end) = (start, behind);
        let result = read(self);
        (self.at, self.end) = (behind, end);
        result
    }

    /// A u32 length and so many bytes.
    pub(super) fn skip_sized(&mut self) -> Result<(), Malformed> {
        self.sized(MAX_BYTES, |_| Ok(()))
    }

    /// Whether an optional value follows.
    pub(super) fn presence(&mut self) -> Result<bool, Malformed> {
        self.note(Field::Presence);
        let at = self.at;
        match self.byte()? {
            0x00 => Ok(false),
            0xff => Ok(true),
            _ => Err(wrong_at(at, "wrong_value")),
        }
    }

    /// A tag below `count`.
    pub(super) fn tag(&mut self, count: usize) -> Result<usize, Malformed> {
        self.note(Field::Tag);
        let at = self.at;
        let tag = usize::from(self.byte()?);
        if tag < count { Ok(tag) } else { Err(wrong_at(at, "unknown_tag")) }
    }

    /// An amount of mutez.
    pub(super) fn mutez(&mut self) -> Result<u64, Malformed> {
        self.note(Field::Mutez);
        let at = self.at;
        let bytes = self.groups(10)?;
        let value = bytes.iter().rev().fold(0_u128, |value, byte| value << 7 | u128::from(byte & 0x7f));
        u64::try_from(value).ok().filter(|value| *value < 1 << 63).ok_or_else(|| wrong_at(at, "number_too_large"))
    }

    pub(super) fn skip_natural(&mut self) -> Result<(), Malformed> {
        self.note(Field::Natural);
        self.groups(10).map(drop)
    }

    /// A natural or a signed number: their bytes end alike.
    pub(super) fn skip_number(&mut self) -> Result<(), Malformed> {
        self.note(Field::Number);
        self.groups(1024).map(drop)
    }

    /// Bytes whose high bit is set, and one whose high bit is not. A last byte of zero is superfluous, and wrong by itself.
    fn groups(&mut self, limit: usize) -> Result<&'a [u8], Malformed> {
        let left = self.payload.get(self.at..self.end).unwrap_or_default();
        let Some(last) = left.iter().position(|byte| *byte < 0x80).filter(|last| *last < limit) else {
            return Err(self.wrong(if left.is_empty() { "truncated" } else { "endless_number" }));
        };
        let bytes = self.take(last + 1)?;
        if last > 0 && bytes.last() == Some(&0) { Err(wrong_at(self.at - 1, "overlong_number")) } else { Ok(bytes) }
    }
}

pub(super) fn wrong_at(at: usize, problem: &str) -> Malformed {
    Malformed { problem: problem.to_owned(), at }
}
