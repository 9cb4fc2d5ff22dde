//! Base58Check: how Tezos writes keys, hashes and signatures as text.
//!
//! A text is `prefix || payload || checksum` in base 58, where the checksum is the first four bytes of the double
//! SHA-256 of what precedes it (`src/lib_crypto/base58.ml` in Octez). The prefix fixes both what the payload is and
//! how long it is, so decoding checks all three: checksum, prefix and length.

use thiserror::Error;
use zeroize::Zeroizing;

/// The longest text that is decoded: `BLsig`, with room to spare. Decoding base 58 takes quadratic time, so longer input is
/// rejected first.
pub const MAX_TEXT_LENGTH: usize = 160;

/// Writes `payload` as Base58Check text with the given prefix.
/// A payload of another length than [`Prefix::payload_length`] yields a text that [`decode`] rejects.
pub fn encode(prefix: Prefix, payload: &[u8]) -> String {
    let mut bytes = Zeroizing::new(Vec::with_capacity(prefix.bytes().len() + payload.len()));
    bytes.extend_from_slice(prefix.bytes());
    bytes.extend_from_slice(payload);
    bs58::encode(bytes.as_slice()).with_check().into_string()
}

/// Decodes a text with the given prefix, and returns its payload of [`Prefix::payload_length`] bytes.
///
/// # Errors
/// [`Base58CheckError`], with what was found and what was expected.
pub fn decode(prefix: Prefix, text: &str) -> Result<Zeroizing<Vec<u8>>, Base58CheckError> {
    let (found, payload) = decode_any(text)?;
    if found == prefix {
        Ok(payload)
    } else {
        Err(Base58CheckError::WrongPrefix { expected: prefix.name(), found: found.name() })
    }
}

/// Decodes a text with any prefix of [`Prefix`].
///
/// # Errors
/// [`Base58CheckError`], with what was found and what was expected.
pub fn decode_any(text: &str) -> Result<(Prefix, Zeroizing<Vec<u8>>), Base58CheckError> {
    if text.len() > MAX_TEXT_LENGTH {
        return Err(Base58CheckError::TooLong { length: text.len() });
    }
    let bytes = bs58::decode(text).with_check(None).into_vec().map(Zeroizing::new).map_err(|error| match error {
        bs58::decode::Error::InvalidCharacter { character, index } => Base58CheckError::NotBase58 { character, index },
        bs58::decode::Error::NonAsciiCharacter { index } => Base58CheckError::NotAscii { index },
        bs58::decode::Error::NoChecksum => Base58CheckError::TooShort,
        _ => Base58CheckError::WrongChecksum,
    })?;

    let mut wrong_length = None;
    for prefix in Prefix::ALL {
        if let Some(payload) = bytes.strip_prefix(prefix.bytes()) {
            if payload.len() == prefix.payload_length() {
                return Ok((*prefix, Zeroizing::new(payload.to_vec())));
            }
            // Prefixes of two bytes also begin longer ones, so a better match may still follow.
            wrong_length = Some(Base58CheckError::WrongLength {
                prefix: prefix.name(),
                expected: prefix.payload_length(),
                found: payload.len(),
            });
        }
    }
    Err(wrong_length.unwrap_or(Base58CheckError::UnknownPrefix))
}

/// Why a text is not valid Base58Check with the expected prefix.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Base58CheckError {
    /// Longer than any supported text.
    #[error("{length} characters are too long: the longest known text has fewer than {MAX_TEXT_LENGTH}")]
    TooLong {
        /// The length of the text in bytes.
        length: usize,
    },
    /// Too short to hold a checksum.
    #[error("too short to hold a checksum")]
    TooShort,
    /// A character outside the base 58 alphabet.
    #[error("'{character}' at position {index} is not a base 58 character")]
    NotBase58 {
        /// The character.
        character: char,
        /// Its position, from 0.
        index: usize,
    },
    /// A character outside ASCII.
    #[error("the character at position {index} is not ASCII")]
    NotAscii {
        /// Its position, from 0.
        index: usize,
    },
    /// The last four bytes are not the checksum of the others: a typing or copying error.
    #[error("wrong checksum: a character is missing, added or mistyped")]
    WrongChecksum,
    /// The checksum is right, but the prefix is not in [`Prefix`].
    #[error("unknown prefix; expected one of {}", known_texts())]
    UnknownPrefix,
    /// The checksum is right, but the text has a different prefix.
    #[error("this is {found}, expected {expected}")]
    WrongPrefix {
        /// What was expected, in words.
        expected: &'static str,
        /// What was found, in words.
        found: &'static str,
    },
    /// The prefix is known, but the payload does not have its length.
    #[error("{found} bytes after the prefix of {prefix}, expected {expected}")]
    WrongLength {
        /// What the prefix stands for, in words.
        prefix: &'static str,
        /// The prefix's length of payload, in bytes.
        expected: usize,
        /// The length found, in bytes.
        found: usize,
    },
}

macro_rules! prefixes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $bytes:expr, $length:literal, $words:literal;)*) => {
        /// The prefix of a Base58Check text, which determines the type and length of its payload.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Prefix { $($(#[$doc])* $name,)* }

        impl Prefix {
            /// Every prefix.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The bytes before the payload.
            pub const fn bytes(self) -> &'static [u8] {
                match self { $(Self::$name => &$bytes,)* }
            }

            /// The length of the payload in bytes.
            pub const fn payload_length(self) -> usize {
                match self { $(Self::$name => $length,)* }
            }

            /// The first characters of the text.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The type of the payload, in words and with an article.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => concat!($words, " (", $text, ")"),)* }
            }
        }
    };
}

prefixes! {
    /// BLAKE2b-160 of an Ed25519 public key.
    Ed25519PublicKeyHash = "tz1", [0x06, 0xa1, 0x9f], 20, "an Ed25519 public key hash";
    /// BLAKE2b-160 of a compressed secp256k1 public key.
    Secp256k1PublicKeyHash = "tz2", [0x06, 0xa1, 0xa1], 20, "a secp256k1 public key hash";
    /// BLAKE2b-160 of a compressed P-256 public key.
    P256PublicKeyHash = "tz3", [0x06, 0xa1, 0xa4], 20, "a P-256 public key hash";
    /// BLAKE2b-160 of a compressed BLS12-381 public key.
    BlsPublicKeyHash = "tz4", [0x06, 0xa1, 0xa6], 20, "a BLS12-381 public key hash";
    /// BLAKE2b-160 of an ML-DSA-44 public key. Appears in operations; this signer has no such keys.
    MlDsa44PublicKeyHash = "tz5", [0x06, 0xa1, 0xa9], 20, "an ML-DSA-44 public key hash";
    /// The address of a smart contract.
    Contract = "KT1", [0x02, 0x5a, 0x79], 20, "a contract";
    /// The address of a smart rollup.
    SmartRollup = "sr1", [0x06, 0x7c, 0x75], 20, "a smart rollup";
    /// Ed25519 public key.
    Ed25519PublicKey = "edpk", [0x0d, 0x0f, 0x25, 0xd9], 32, "an Ed25519 public key";
    /// secp256k1 public key, compressed.
    Secp256k1PublicKey = "sppk", [0x03, 0xfe, 0xe2, 0x56], 33, "a secp256k1 public key";
    /// P-256 public key, compressed.
    P256PublicKey = "p2pk", [0x03, 0xb2, 0x8b, 0x7f], 33, "a P-256 public key";
    /// BLS12-381 public key: a compressed point of G1.
    BlsPublicKey = "BLpk", [0x06, 0x95, 0x87, 0xcc], 48, "a BLS12-381 public key";
    /// Ed25519 secret key as its 32 byte seed.
    Ed25519Seed = "edsk", [0x0d, 0x0f, 0x3a, 0x07], 32, "an Ed25519 seed";
    /// Ed25519 secret key as seed and public key.
    Ed25519SecretKey = "edsk", [0x2b, 0xf6, 0x4e, 0x07], 64, "an Ed25519 secret key";
    /// secp256k1 secret key, big-endian.
    Secp256k1SecretKey = "spsk", [0x11, 0xa2, 0xe0, 0xc9], 32, "a secp256k1 secret key";
    /// P-256 secret key, big-endian.
    P256SecretKey = "p2sk", [0x10, 0x51, 0xee, 0xbd], 32, "a P-256 secret key";
    /// BLS12-381 secret key, **little-endian**.
    BlsSecretKey = "BLsk", [0x03, 0x96, 0xc0, 0x28], 32, "a BLS12-381 secret key";
    /// Ed25519 secret key encrypted with a password.
    Ed25519EncryptedSecretKey = "edesk", [0x07, 0x5a, 0x3c, 0xb3, 0x29], 56, "an encrypted Ed25519 secret key";
    /// secp256k1 secret key encrypted with a password.
    Secp256k1EncryptedSecretKey = "spesk", [0x09, 0xed, 0xf1, 0xae, 0x96], 56, "an encrypted secp256k1 secret key";
    /// P-256 secret key encrypted with a password.
    P256EncryptedSecretKey = "p2esk", [0x09, 0x30, 0x39, 0x73, 0xab], 56, "an encrypted P-256 secret key";
    /// BLS12-381 secret key encrypted with a password.
    BlsEncryptedSecretKey = "BLesk", [0x02, 0x05, 0x1e, 0x35, 0x19], 56, "an encrypted BLS12-381 secret key";
    /// Ed25519 signature.
    Ed25519Signature = "edsig", [0x09, 0xf5, 0xcd, 0x86, 0x12], 64, "an Ed25519 signature";
    /// secp256k1 signature, r and s.
    Secp256k1Signature = "spsig1", [0x0d, 0x73, 0x65, 0x13, 0x3f], 64, "a secp256k1 signature";
    /// P-256 signature, r and s.
    P256Signature = "p2sig", [0x36, 0xf0, 0x2c, 0x34], 64, "a P-256 signature";
    /// A signature without its curve: any of the three of 64 bytes.
    GenericSignature = "sig", [0x04, 0x82, 0x2b], 64, "a generic signature";
    /// BLS12-381 signature: a compressed point of G2.
    BlsSignature = "BLsig", [0x28, 0xab, 0x40, 0xcf], 96, "a BLS12-381 signature";
    /// Chain id.
    ChainId = "Net", [0x57, 0x52, 0x00], 4, "a chain id";
    /// Block hash.
    BlockHash = "B", [0x01, 0x34], 32, "a block hash";
    /// Protocol hash.
    Protocol = "P", [0x02, 0xaa], 32, "a protocol hash";
    /// Block payload hash. Signatory writes its marks' digests in this form.
    BlockPayloadHash = "vh", [0x01, 0x6a, 0xf2], 32, "a block payload hash";
    /// Operation hash.
    OperationHash = "o", [0x05, 0x74], 32, "an operation hash";
}

fn known_texts() -> String {
    let mut texts: Vec<_> = Prefix::ALL.iter().map(|prefix| prefix.text()).collect();
    texts.dedup();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_round_trips() {
        for prefix in Prefix::ALL {
            for fill in [0x00, 0x5a, 0xff] {
                let payload = vec![fill; prefix.payload_length()];
                let text = encode(*prefix, &payload);
                assert!(text.starts_with(prefix.text()), "{text} should start with {}", prefix.text());
                assert!(text.len() < MAX_TEXT_LENGTH);
                assert_eq!(decode(*prefix, &text).unwrap().as_slice(), payload);
                assert_eq!(decode_any(&text).unwrap().0, *prefix);
            }
        }
    }

    #[test]
    fn errors_are_specific() {
        let tz1 = Prefix::Ed25519PublicKeyHash;
        let good = encode(tz1, &[7; 20]);
        let cases = [
            ("", Base58CheckError::TooShort),
            ("tz", Base58CheckError::TooShort),
            ("tz1O", Base58CheckError::NotBase58 { character: 'O', index: 3 }),
            ("tz1é", Base58CheckError::NotAscii { index: 3 }),
            (&good[..35], Base58CheckError::WrongChecksum),
            (
                &encode(Prefix::ChainId, &[1; 4]),
                Base58CheckError::WrongPrefix { expected: tz1.name(), found: Prefix::ChainId.name() },
            ),
            (&encode(tz1, &[7; 21]), Base58CheckError::WrongLength { prefix: tz1.name(), expected: 20, found: 21 }),
            (&encode(tz1, &[7; 19]), Base58CheckError::WrongLength { prefix: tz1.name(), expected: 20, found: 19 }),
            (&bs58::encode([9; 23]).with_check().into_string(), Base58CheckError::UnknownPrefix),
            (&"1".repeat(161), Base58CheckError::TooLong { length: 161 }),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(tz1, text).unwrap_err(), expected, "{text}");
        }
    }
}
