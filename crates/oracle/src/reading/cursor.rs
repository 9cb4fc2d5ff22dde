//! A position in a payload, and the basic encodings.

use super::Malformed;

/// The maximum length of an operation, and of a field with a length: 32 KiB (`constants_repr.ml`,
/// `max_operation_data_length`).
pub(super) const MAX_BYTES: usize = 32 * 1024;

/// A field that determines what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// One byte with few valid values.
    Tag,
    /// 00 or ff: whether an optional value follows.
    Presence,
    /// A u32 length in bytes.
    Length,
    /// A natural number: seven bits a byte, least significant first, at most ten bytes.
    Natural,
    /// A natural number of at most 63 bits.
    Mutez,
    /// A number of at most 1024 bytes.
    Number,
}

/// Reads from `at` up to `end`. Unless documented otherwise, errors are located at the beginning of the field.
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

    /// An error located at the next field.
    pub(super) fn wrong(&self, problem: &str) -> Malformed {
        wrong_at(self.at, problem)
    }

    /// Reads this many bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.end);
        let bytes = end.and_then(|end| self.payload.get(self.at..end)).ok_or_else(|| self.wrong("truncated"))?;
        self.at += length;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1).map(|bytes| bytes.iter().copied().sum())
    }

    /// A big-endian number of two or four bytes.
    pub(super) fn unsigned(&mut self, bytes: usize) -> Result<u32, Malformed> {
        let bytes = self.take(bytes)?;
        Ok(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    /// An i32 that is not negative.
    pub(super) fn non_negative(&mut self) -> Result<u32, Malformed> {
        let at = self.at;
        self.unsigned(4).and_then(|value| if value < 1 << 31 { Ok(value) } else { Err(wrong_at(at, "negative")) })
    }

    /// A u32 length and a value of that length. If the value ends early, the error is located after the length.
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

    /// A value within the next bytes: `read` cannot see past them, and may leave some.
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

    /// Skips a u32 length and as many bytes.
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

    /// Skips a natural or a signed number: both end in the same way.
    pub(super) fn skip_number(&mut self) -> Result<(), Malformed> {
        self.note(Field::Number);
        self.groups(1024).map(drop)
    }

    /// Bytes with the high bit, and one without. A final zero byte is superfluous, which is an error located there.
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
