//! Base58Check as plain long division, and the prefixes as Octez lists them (`src/lib_crypto/base58.ml`, `Prefix`).

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The text of `prefix || payload || checksum`.
pub fn encode(prefix: &[u8], payload: &[u8]) -> String {
    let mut bytes = [prefix, payload].concat();
    let checksum = checksum(&bytes);
    bytes.extend(checksum);
    let digits = in_other_base(&bytes, 256, 58);
    digits.into_iter().map(|digit| char::from(ALPHABET[usize::from(digit)])).collect()
}

/// The bytes before the checksum, if that is right.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| ALPHABET.iter().position(|other| *other == c).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.bytes().map(digit).collect::<Option<_>>()?;
    let bytes = in_other_base(&digits, 58, 256);
    let (bytes, found) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    (found == checksum(bytes)).then(|| bytes.to_vec())
}

/// The digits of a number, the highest first. Zeros before it stay as many as they are.
fn in_other_base(digits: &[u8], base: u32, other_base: u32) -> Vec<u8> {
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let mut lowest_first: Vec<u32> = Vec::new();
    for digit in &digits[zeros..] {
        let mut carry = u32::from(*digit);
        for place in &mut lowest_first {
            carry += *place * base;
            *place = carry % other_base;
            carry /= other_base;
        }
        while carry > 0 {
            lowest_first.push(carry % other_base);
            carry /= other_base;
        }
    }
    lowest_first.extend(std::iter::repeat_n(0, zeros));
    lowest_first.into_iter().rev().map(|place| u8::try_from(place).expect("below the base")).collect()
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::digest(Sha256::digest(bytes)).into();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Prefix and payload, of the one prefix that goes with this beginning and this length.
pub fn split(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    PREFIXES
        .iter()
        .find(|(prefix, length)| bytes.starts_with(prefix) && bytes.len() == prefix.len() + length)
        .map(|(prefix, _)| (prefix.to_vec(), bytes[prefix.len()..].to_vec()))
}

/// Bytes, and the length of what follows.
const PREFIXES: [(&[u8], usize); 29] = [
    (&[0x06, 0xa1, 0x9f], 20),
    (&[0x06, 0xa1, 0xa1], 20),
    (&[0x06, 0xa1, 0xa4], 20),
    (&[0x06, 0xa1, 0xa6], 20),
    (&[0x06, 0xa1, 0xa9], 20),
    (&[0x02, 0x5a, 0x79], 20),
    (&[0x06, 0x7c, 0x75], 20),
    (&[0x0d, 0x0f, 0x25, 0xd9], 32),
    (&[0x03, 0xfe, 0xe2, 0x56], 33),
    (&[0x03, 0xb2, 0x8b, 0x7f], 33),
    (&[0x06, 0x95, 0x87, 0xcc], 48),
    (&[0x0d, 0x0f, 0x3a, 0x07], 32),
    (&[0x2b, 0xf6, 0x4e, 0x07], 64),
    (&[0x11, 0xa2, 0xe0, 0xc9], 32),
    (&[0x10, 0x51, 0xee, 0xbd], 32),
    (&[0x03, 0x96, 0xc0, 0x28], 32),
    (&[0x07, 0x5a, 0x3c, 0xb3, 0x29], 56),
    (&[0x09, 0xed, 0xf1, 0xae, 0x96], 56),
    (&[0x09, 0x30, 0x39, 0x73, 0xab], 56),
    (&[0x02, 0x05, 0x1e, 0x35, 0x19], 56),
    (&[0x09, 0xf5, 0xcd, 0x86, 0x12], 64),
    (&[0x0d, 0x73, 0x65, 0x13, 0x3f], 64),
    (&[0x36, 0xf0, 0x2c, 0x34], 64),
    (&[0x04, 0x82, 0x2b], 64),
    (&[0x28, 0xab, 0x40, 0xcf], 96),
    (&[0x57, 0x52, 0x00], 4),
    (&[0x01, 0x34], 32),
    (&[0x01, 0x6a, 0xf2], 32),
    (&[0x05, 0x74], 32),
];
