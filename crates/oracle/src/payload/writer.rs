//! Encodes numbers, lengths and optional fields, like `data-encoding`.

/// A natural number: seven bits a byte, least significant first; the high bit marks all bytes but the last (`data-encoding`,
/// `binary_writer.ml`, `n`).
pub fn natural(mut value: u128) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let [group, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(group);
            return bytes;
        }
        bytes.push(group | 0x80);
    }
}

/// A signed number: sign and six bits in the first byte, then seven in each (`binary_writer.ml`, `z`).
pub fn signed_number(value: i64) -> Vec<u8> {
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { 0x40 } else { 0x00 };
    let [low, ..] = (magnitude & 0x3f).to_le_bytes();
    let high = magnitude >> 6;
    if high == 0 { vec![low | sign] } else { [vec![low | sign | 0x80], natural(high.into())].concat() }
}

/// A u32 length and the bytes.
pub fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [length.to_be_bytes().as_slice(), bytes].concat()
}

/// `00`, or `ff` and the value.
pub fn optional(value: Option<Vec<u8>>) -> Vec<u8> {
    value.map_or(vec![0x00], |value| [vec![0xff], value].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_encoded_as_by_data_encoding() {
        for (value, bytes) in [(0, "00"), (127, "7f"), (128, "8001"), (1_000_000, "c0843d")] {
            assert_eq!(hex::encode(natural(value)), bytes);
        }
        for (value, bytes) in [(0, "00"), (63, "3f"), (64, "8001"), (-1, "41"), (-64, "c001"), (2048, "8020")] {
            assert_eq!(hex::encode(signed_number(value)), bytes);
        }
    }
}
