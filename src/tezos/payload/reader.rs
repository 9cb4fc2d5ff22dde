//! Reads fields from a payload, and tracks the offset for errors.

use super::{DecodeError, NonNegative, Position, Reason};

/// Reads a payload field by field.
///
/// Integers are big-endian. Methods take the name of the field, for errors.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload, offset: 0 }
    }

    /// The offset of the next byte from the start of the payload.
    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    /// The number of remaining bytes.
    pub(super) const fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// An error at the next byte.
    pub(super) const fn error(&self, reason: Reason) -> DecodeError {
        DecodeError { offset: self.offset, reason }
    }

    pub(super) fn watermark(&mut self) -> Result<u8, DecodeError> {
        if self.rest.is_empty() { Err(self.error(Reason::Empty)) } else { self.u8("the watermark byte") }
    }

    pub(super) fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                self.offset += length;
                Ok(taken)
            }
            None => Err(self.error(Reason::Truncated { field, needed: length, left: self.rest.len() })),
        }
    }

    pub(super) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                self.offset += N;
                Ok(*taken)
            }
            None => Err(self.error(Reason::Truncated { field, needed: N, left: self.rest.len() })),
        }
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(super) fn i32(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        self.array(field).map(i32::from_be_bytes)
    }

    /// An int32 that must not be negative, as levels and rounds.
    pub(super) fn non_negative(&mut self, field: &'static str) -> Result<NonNegative, DecodeError> {
        let start = self.offset;
        let value = self.i32(field)?;
        NonNegative::try_from(value)
            .map_err(|_| DecodeError { offset: start, reason: Reason::Negative { field, value } })
    }

    /// Level and round, one after the other.
    pub(super) fn position(&mut self) -> Result<Position, DecodeError> {
        Ok(Position { level: self.non_negative("the level")?, round: self.non_negative("the round")? })
    }

    /// A u32 length, and a reader of exactly that many bytes.
    pub(super) fn sized(&mut self, field: &'static str, limit: usize) -> Result<Self, DecodeError> {
        let start = self.offset;
        let length = self.array(field).map(u32::from_be_bytes)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > limit {
            return Err(DecodeError { offset: start, reason: Reason::TooLong { field, length, limit } });
        }
        self.sub(length, field)
    }

    /// A reader of the next `length` bytes.
    pub(super) fn sub(&mut self, length: usize, field: &'static str) -> Result<Self, DecodeError> {
        let offset = self.offset;
        let rest = self.take(length, field)?;
        Ok(Self { rest, offset })
    }

    /// A u32 length, and that many bytes, uninterpreted.
    pub(super) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        self.sized(field, super::MAX_OPERATION_LENGTH).map(|reader| reader.rest)
    }

    /// The presence byte of an optional field: 00 or ff.
    pub(super) fn presence(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        let start = self.offset;
        match self.u8(field)? {
            0x00 => Ok(false),
            0xff => Ok(true),
            byte => Err(DecodeError {
                offset: start,
                reason: Reason::Unexpected { field, found: i64::from(byte), expected: "0 (absent) or 255 (present)" },
            }),
        }
    }

    /// A natural number of seven bits a byte, least significant first (`data-encoding`, `binary_writer.ml`, `n`).
    /// The value, if it fits 64 bits.
    pub(super) fn natural(&mut self, field: &'static str, limit: usize) -> Result<Option<u64>, DecodeError> {
        let bytes = self.variable_length(field, limit)?;
        Ok(value_of_groups(bytes))
    }

    /// Skips a natural number of any size.
    pub(super) fn skip_natural(&mut self, field: &'static str) -> Result<(), DecodeError> {
        self.variable_length(field, MAX_NUMBER_BYTES).map(drop)
    }

    /// A signed number: like a natural one, but the first byte has a sign bit and six bits of value
    /// (`data-encoding`, `binary_writer.ml`, `z`). The value without its sign, or [`u64::MAX`] if that does not fit 64 bits.
    pub(super) fn magnitude(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let bytes = self.variable_length(field, MAX_NUMBER_BYTES)?;
        let Some((first, rest)) = bytes.split_first() else { return Ok(0) };
        let high = value_of_groups(rest).and_then(|value| value.checked_mul(0x40));
        Ok(high.map_or(u64::MAX, |high| high | u64::from(first & 0x3f)))
    }

    /// Skips a signed number of any size.
    pub(super) fn skip_integer(&mut self, field: &'static str) -> Result<(), DecodeError> {
        self.variable_length(field, MAX_NUMBER_BYTES).map(drop)
    }

    /// An amount of mutez: a natural number of at most ten bytes and 63 bits.
    pub(super) fn mutez(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let start = self.offset;
        self.natural(field, MAX_MUTEZ_BYTES)?
            .filter(|value| i64::try_from(*value).is_ok())
            .ok_or(DecodeError { offset: start, reason: Reason::NumberTooLarge { field } })
    }

    /// Checks that no bytes remain.
    pub(super) const fn end(&self, of: &'static str) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.error(Reason::TrailingBytes { count: self.rest.len(), of }))
        }
    }

    fn variable_length(&mut self, field: &'static str, limit: usize) -> Result<&'a [u8], DecodeError> {
        let Some(last) = self.rest.iter().take(limit).position(|byte| byte & 0x80 == 0) else {
            let reason = if self.rest.is_empty() {
                Reason::Truncated { field, needed: 1, left: 0 }
            } else {
                Reason::EndlessNumber { field, limit: limit.min(self.rest.len()) }
            };
            return Err(self.error(reason));
        };
        let start = self.offset;
        let bytes = self.take(last + 1, field)?;
        if last > 0 && bytes.last() == Some(&0) {
            return Err(DecodeError { offset: start + last, reason: Reason::OverlongNumber { field } });
        }
        Ok(bytes)
    }
}

/// Numbers of mutez, counters and limits take at most ten bytes.
pub(super) const MAX_MUTEZ_BYTES: usize = 10;

/// Far more bytes than any number in a payload that is signed in practice.
const MAX_NUMBER_BYTES: usize = 1024;

fn value_of_groups(bytes: &[u8]) -> Option<u64> {
    bytes
        .iter()
        .rev()
        .try_fold(0_u64, |value, byte| value.checked_mul(0x80).map(|shifted| shifted | u64::from(byte & 0x7f)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_numbers() {
        for (bytes, expected) in [
            (vec![0x00], Ok(Some(0))),
            (vec![0x7f], Ok(Some(127))),
            (vec![0x80, 0x01], Ok(Some(128))),
            (vec![0xc0, 0x84, 0x3d], Ok(Some(1_000_000))),
            (vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], Ok(Some((1 << 63) - 1))),
            (vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], Ok(Some(1 << 63))),
            (vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02], Ok(None)),
            (vec![0x80, 0x00], Err(Reason::OverlongNumber { field: "n" })),
            (vec![0x80], Err(Reason::EndlessNumber { field: "n", limit: 1 })),
            (vec![0x80; 20], Err(Reason::EndlessNumber { field: "n", limit: 10 })),
            (vec![], Err(Reason::Truncated { field: "n", needed: 1, left: 0 })),
        ] {
            let result = Reader::new(&bytes).natural("n", 10).map_err(|error| error.reason);
            assert_eq!(result, expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn signed_numbers_without_their_sign() {
        for (bytes, expected) in [
            (vec![0x00], 0),
            (vec![0x3f], 63),
            (vec![0x41], 1),
            (vec![0x80, 0x01], 64),
            (vec![0xc0, 0x40], 4096),
            (vec![0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], u64::MAX >> 1),
            (vec![0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03], u64::MAX),
            (vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x04], u64::MAX),
            ([vec![0x80; 40], vec![0x01]].concat(), u64::MAX),
        ] {
            assert_eq!(Reader::new(&bytes).magnitude("n").unwrap(), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn an_amount_of_mutez_has_63_bits() {
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(Reader::new(&largest).mutez("n").unwrap(), i64::MAX as u64);
        let larger = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
        assert_eq!(Reader::new(&larger).mutez("n").unwrap_err().reason, Reason::NumberTooLarge { field: "n" });
    }
}
