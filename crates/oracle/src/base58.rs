//! Base58Check: `prefix || payload || checksum` in base 58, where the checksum is the first four bytes of the double SHA-256 of
//! prefix and payload (Octez, `src/lib_crypto/base58.ml`).

use sha2::{Digest, Sha256};

/// The prefix of a kind of text, and the length of its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// Bytes before the payload.
    pub bytes: &'static [u8],
    /// Length of the payload, in bytes.
    pub length: usize,
}

const fn prefix(bytes: &'static [u8], length: usize) -> Prefix {
    Prefix { bytes, length }
}

/// `KT1…`, a contract.
pub const CONTRACT: Prefix = prefix(&[0x02, 0x5a, 0x79], 20);
/// `Net…`, a chain.
pub const CHAIN: Prefix = prefix(&[0x57, 0x52, 0x00], 4);
/// `B…`, a block.
pub const BLOCK: Prefix = prefix(&[0x01, 0x34], 32);
/// `vh…`, the hash of a block's payload.
pub const PAYLOAD: Prefix = prefix(&[0x01, 0x6a, 0xf2], 32);
/// `o…`, an operation.
pub const OPERATION: Prefix = prefix(&[0x05, 0x74], 32);
/// `LLo…`, the operations of a block.
pub const OPERATIONS: Prefix = prefix(&[0x1d, 0x9f, 0x6d], 32);
/// `Co…`, a context.
pub const CONTEXT: Prefix = prefix(&[0x4f, 0xc7], 32);
/// `sig…`, a 64-byte signature by an unspecified curve.
pub const GENERIC_SIGNATURE: Prefix = prefix(&[0x04, 0x82, 0x2b], 64);
/// `edesk…`, an encrypted Ed25519 secret key.
pub const ENCRYPTED_ED25519_SECRET: Prefix = prefix(&[0x07, 0x5a, 0x3c, 0xb3, 0x29], 56);
/// `tz5…`, the address of an ML-DSA-44 key.
pub const ML_DSA_44_HASH: Prefix = prefix(&[0x06, 0xa1, 0xa9], 20);

/// The prefixes of all texts that a signer parses or must not confuse with those (`src/lib_crypto/base58.ml`, `Prefix`).
pub const PREFIXES: [Prefix; 30] = [
    prefix(&[0x06, 0xa1, 0x9f], 20), // tz1
    prefix(&[0x06, 0xa1, 0xa1], 20), // tz2
    prefix(&[0x06, 0xa1, 0xa4], 20), // tz3
    prefix(&[0x06, 0xa1, 0xa6], 20), // tz4
    ML_DSA_44_HASH,
    CONTRACT,
    prefix(&[0x06, 0x7c, 0x75], 20),       // sr1, a smart rollup
    prefix(&[0x0d, 0x0f, 0x25, 0xd9], 32), // edpk
    prefix(&[0x03, 0xfe, 0xe2, 0x56], 33), // sppk
    prefix(&[0x03, 0xb2, 0x8b, 0x7f], 33), // p2pk
    prefix(&[0x06, 0x95, 0x87, 0xcc], 48), // BLpk
    prefix(&[0x0d, 0x0f, 0x3a, 0x07], 32), // edsk, a seed
    prefix(&[0x2b, 0xf6, 0x4e, 0x07], 64), // edsk, a seed and its public key
    prefix(&[0x11, 0xa2, 0xe0, 0xc9], 32), // spsk
    prefix(&[0x10, 0x51, 0xee, 0xbd], 32), // p2sk
    prefix(&[0x03, 0x96, 0xc0, 0x28], 32), // BLsk
    ENCRYPTED_ED25519_SECRET,
    prefix(&[0x09, 0xed, 0xf1, 0xae, 0x96], 56), // spesk
    prefix(&[0x09, 0x30, 0x39, 0x73, 0xab], 56), // p2esk
    prefix(&[0x02, 0x05, 0x1e, 0x35, 0x19], 56), // BLesk
    prefix(&[0x09, 0xf5, 0xcd, 0x86, 0x12], 64), // edsig
    prefix(&[0x0d, 0x73, 0x65, 0x13, 0x3f], 64), // spsig1
    prefix(&[0x36, 0xf0, 0x2c, 0x34], 64),       // p2sig
    GENERIC_SIGNATURE,
    prefix(&[0x28, 0xab, 0x40, 0xcf], 96), // BLsig
    CHAIN,
    BLOCK,
    PAYLOAD,
    OPERATION,
    prefix(&[0x02, 0xaa], 32), // P, a protocol
];

impl Prefix {
    /// The text of a payload, which may have any length.
    pub fn encode(self, payload: &[u8]) -> String {
        encode(&[self.bytes, payload].concat())
    }

    /// The payload of a text with this prefix, this length and a correct checksum.
    pub fn decode(self, text: &str) -> Option<Vec<u8>> {
        let bytes = decode(text)?;
        let payload = bytes.strip_prefix(self.bytes)?;
        (payload.len() == self.length).then(|| payload.to_vec())
    }
}

/// The prefix and the payload of a text with one of [`PREFIXES`] and the right length.
pub fn read(text: &str) -> Option<(Prefix, Vec<u8>)> {
    let bytes = decode(text)?;
    PREFIXES.into_iter().find_map(|prefix| {
        let payload = bytes.strip_prefix(prefix.bytes)?;
        (payload.len() == prefix.length).then(|| (prefix, payload.to_vec()))
    })
}

/// The text of `bytes || checksum`.
pub fn encode(bytes: &[u8]) -> String {
    let digits = in_other_base(&[bytes, &checksum(bytes)].concat(), 256, 58);
    digits.into_iter().filter_map(|digit| ALPHABET.get(usize::from(digit)).copied().map(char::from)).collect()
}

/// The bytes before the checksum, if that is correct.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| ALPHABET.iter().position(|known| *known == c).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.bytes().map(digit).collect::<Option<_>>()?;
    let bytes = in_other_base(&digits, 58, 256);
    let (bytes, found) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    (found == checksum(bytes)).then(|| bytes.to_vec())
}

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Converts a number by long division, most significant digit first. The number of leading zeros is kept.
fn in_other_base(digits: &[u8], base: u32, other_base: u32) -> Vec<u8> {
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let mut lowest_first: Vec<u32> = Vec::new();
    for digit in digits.iter().skip(zeros) {
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
    lowest_first.into_iter().rev().filter_map(|place| u8::try_from(place).ok()).collect()
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(Sha256::digest(bytes)).into();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_chain_ids() {
        for (bytes, text) in
            [([0x7a, 0x06, 0xa7, 0x70], "NetXdQprcVkpaWU"), ([0xaf, 0x18, 0x64, 0xd9], "NetXnHfVqm9iesp")]
        {
            assert_eq!(CHAIN.encode(&bytes), text);
            assert_eq!(CHAIN.decode(text).unwrap(), bytes);
            assert_eq!(read(text), Some((CHAIN, bytes.to_vec())));
        }
        assert_eq!(CHAIN.decode("NetXdQprcVkpaWV"), None, "wrong checksum");
        assert_eq!(BLOCK.decode("NetXdQprcVkpaWU"), None, "wrong prefix");
        assert_eq!(read(&CHAIN.encode(&[0; 5])), None, "wrong length");
        assert_eq!(decode(&encode(&[0, 0, 7])), Some(vec![0, 0, 7]), "leading zeros");
    }
}
