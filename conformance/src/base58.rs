//! Base58Check texts: `prefix || payload || checksum` in base 58, where the checksum is the first four bytes of the double
//! SHA-256 of what precedes it (Octez, `src/lib_crypto/base58.ml`).

/// What a text holds: its prefix, and how many bytes follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// The bytes before the payload.
    pub bytes: &'static [u8],
    /// The length of the payload in bytes.
    pub length: usize,
}

const fn prefix(bytes: &'static [u8], length: usize) -> Prefix {
    Prefix { bytes, length }
}

/// `KT1…`, a contract.
pub const CONTRACT: Prefix = prefix(&[0x02, 0x5a, 0x79], 20);
/// `sr1…`, a smart rollup.
pub const SMART_ROLLUP: Prefix = prefix(&[0x06, 0x7c, 0x75], 20);
/// `Net…`, a chain.
pub const CHAIN: Prefix = prefix(&[0x57, 0x52, 0x00], 4);
/// `B…`, a block.
pub const BLOCK: Prefix = prefix(&[0x01, 0x34], 32);
/// `sig…`, a signature of 64 bytes that does not say its curve.
pub const GENERIC_SIGNATURE: Prefix = prefix(&[0x04, 0x82, 0x2b], 64);
/// `edesk…`, an encrypted Ed25519 secret key.
pub const ENCRYPTED_ED25519_SECRET: Prefix = prefix(&[0x07, 0x5a, 0x3c, 0xb3, 0x29], 56);
/// `tz5…`, the address of an ML-DSA-44 key.
pub const ML_DSA_44_HASH: Prefix = prefix(&[0x06, 0xa1, 0xa9], 20);

impl Prefix {
    /// The text of a payload, whatever its length.
    pub fn encode(self, payload: &[u8]) -> String {
        bs58::encode([self.bytes, payload].concat()).with_check().into_string()
    }

    /// The payload of a text with this prefix, this length and a right checksum.
    pub fn decode(self, text: &str) -> Option<Vec<u8>> {
        let bytes = bs58::decode(text).with_check(None).into_vec().ok()?;
        let payload = bytes.strip_prefix(self.bytes)?;
        (payload.len() == self.length).then(|| payload.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_that_everybody_knows() {
        for (bytes, text) in
            [([0x7a, 0x06, 0xa7, 0x70], "NetXdQprcVkpaWU"), ([0xaf, 0x18, 0x64, 0xd9], "NetXnHfVqm9iesp")]
        {
            assert_eq!(CHAIN.encode(&bytes), text);
            assert_eq!(CHAIN.decode(text).unwrap(), bytes);
        }
        assert_eq!(CHAIN.decode("NetXdQprcVkpaWV"), None, "a checksum");
        assert_eq!(BLOCK.decode("NetXdQprcVkpaWU"), None, "a prefix");
    }
}
