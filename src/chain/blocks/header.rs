//! Block headers: the answer to `GET /chains/main/blocks/<block>/header/raw`. Pure.

use crate::tezos::payload::{NonNegative, Payload, Position, watermark};
use crate::tezos::{BlockHash, BlsScheme, ChainId, Curve, Digest, PublicKey, Signature};
use thiserror::Error;

/// The header of a block, with its signature.
///
/// The layout is that of [`Block`](crate::tezos::payload::Block) without watermark and chain, followed by the protocol's data
/// (`block_header_repr.ml`): payload hash 32, payload round 4, proof-of-work nonce 8, seed nonce hash 1 or 33, votes 1, signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The block's hash, computed from the header.
    pub hash: BlockHash,
    /// The hash of the block before it.
    pub predecessor: BlockHash,
    /// Its level and round.
    pub position: Position,
    /// The signed bytes, followed by the signature.
    payload_and_signature: Vec<u8>,
    /// The length of the signature, if the protocol's data is as known.
    signature_length: Option<usize>,
}

/// A block that one of our keys has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedBlock {
    /// The digest of the payload, as its mark has it.
    pub digest: Digest,
    /// The signature.
    pub signature: Signature,
}

/// Why an answer is not the header of a block that this release understands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidHeader {
    /// Not a JSON string of hexadecimal digits, or too long.
    #[error("not a JSON string of at most {MAX_HEADER_BYTES} bytes in hexadecimal digits")]
    NotHex,
    /// The bytes are not a header.
    #[error("not the header of a block: {0}")]
    Malformed(String),
}

/// Far more than the 350 bytes of a header with a tz4 signature, and enough for one with a tz5 signature.
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// The bytes before the shell header in a payload: watermark and chain.
const PAYLOAD_PREFIX: usize = 5;
/// The offset of the fitness' length in a payload.
const FITNESS: usize = 83;
/// The bytes of the protocol's data up to the flag of the seed nonce hash.
const BEFORE_SEED_NONCE_HASH: usize = 32 + 4 + 8;

impl Header {
    /// Reads a header of `chain`, which the node reports separately: it is a part of what is signed.
    ///
    /// # Errors
    /// [`InvalidHeader`].
    pub fn read(chain: ChainId, json: &[u8]) -> Result<Self, InvalidHeader> {
        let raw = bytes(json)?;
        let mut payload_and_signature = vec![watermark::BLOCK];
        payload_and_signature.extend(chain.as_bytes());
        payload_and_signature.extend(&raw);

        let malformed = |reason: &str| InvalidHeader::Malformed(reason.to_owned());
        let fitness_length = array(&payload_and_signature, FITNESS).map(u32::from_be_bytes);
        let fitness_length =
            fitness_length.and_then(|length| usize::try_from(length).ok()).filter(|length| *length <= 64);
        let fitness_length = fitness_length.ok_or_else(|| malformed("no fitness"))?;
        let protocol_data = FITNESS + 4 + fitness_length + 32;
        // The shortest protocol data there is: enough to read the position, without the signature.
        let without_signature = payload_and_signature.get(..protocol_data + BEFORE_SEED_NONCE_HASH + 2);
        let without_signature = without_signature.ok_or_else(|| malformed("too short"))?;
        // The curve matters for votes only.
        let position = match Payload::decode(without_signature, Curve::P256) {
            Ok(Payload::Block(block)) => block.position,
            Ok(_) => return Err(malformed("not a block")),
            Err(error) => return Err(InvalidHeader::Malformed(error.to_string())),
        };
        let predecessor = array(&payload_and_signature, PAYLOAD_PREFIX + 5).ok_or_else(|| malformed("too short"))?;
        let unsigned = match payload_and_signature.get(protocol_data + BEFORE_SEED_NONCE_HASH) {
            Some(0x00) => Some(protocol_data + BEFORE_SEED_NONCE_HASH + 2),
            Some(0xff) => Some(protocol_data + BEFORE_SEED_NONCE_HASH + 34),
            _ => None,
        };
        let signature_length = unsigned
            .and_then(|unsigned| payload_and_signature.len().checked_sub(unsigned))
            .filter(|length| SIGNATURE_LENGTHS.contains(length));
        Ok(Self {
            hash: hash_of(&raw),
            predecessor: BlockHash::from_bytes(predecessor),
            position,
            payload_and_signature,
            signature_length,
        })
    }

    /// The hash of the block whose header this is, if it is one.
    ///
    /// # Errors
    /// [`InvalidHeader::NotHex`].
    pub fn hash(json: &[u8]) -> Result<BlockHash, InvalidHeader> {
        Ok(hash_of(&bytes(json)?))
    }

    /// The level of the block.
    pub const fn level(&self) -> NonNegative {
        self.position.level
    }

    /// Whether only the block of level 0 is before this one. It has no round, and its hash is not that of its header.
    pub const fn is_first(&self) -> bool {
        self.position.level.get() <= 1
    }

    /// The block's payload and signature, if `key` has signed it.
    pub fn signed_by(&self, key: &PublicKey) -> Option<SignedBlock> {
        let length = if key.curve() == Curve::Bls { 96 } else { 64 };
        if self.signature_length.is_some_and(|known| known != length) {
            return None;
        }
        let unsigned = self.payload_and_signature.len().checked_sub(length)?;
        let (payload, signature) = self.payload_and_signature.split_at_checked(unsigned)?;
        let signature = match key.curve() {
            Curve::Ed25519 => Signature::Ed25519(signature.try_into().ok()?),
            Curve::Secp256k1 => Signature::Secp256k1(signature.try_into().ok()?),
            Curve::P256 => Signature::P256(signature.try_into().ok()?),
            Curve::Bls => Signature::Bls(signature.try_into().ok()?),
        };
        key.verify(payload, BlsScheme::default(), &signature).ok()?;
        Some(SignedBlock { digest: Digest::of(payload), signature })
    }
}

/// The bytes of a header in a node's answer.
fn bytes(json: &[u8]) -> Result<Vec<u8>, InvalidHeader> {
    let text: &str = serde_json::from_slice(json).map_err(|_| InvalidHeader::NotHex)?;
    if text.len() > 2 * MAX_HEADER_BYTES {
        return Err(InvalidHeader::NotHex);
    }
    hex::decode(text).map_err(|_| InvalidHeader::NotHex)
}

fn hash_of(raw: &[u8]) -> BlockHash {
    BlockHash::from_bytes(*Digest::of(raw).as_bytes())
}

/// Of Ed25519, secp256k1 and P-256; of BLS12-381; of ML-DSA-44.
const SIGNATURE_LENGTHS: [usize; 3] = [64, 96, 2420];

fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::SecretKey;

    /// The header of mainnet's checkpoint ([`checkpoints`](crate::chain::checkpoints)).
    const MAINNET_HEADER: &str = "00e8f51b192b9eb465c1136a5dfb3aee942b9a80be2c46757a3e3c0580af0e560c9dc24555000000006ac60087043ec6d7\
        9b29190cb4c85f84e61e78b18101b8c2ec36837ef15ad3777c80a1a5740000002100000001020000000400e8f51b0000000000000004ffffff\
        ff0000000400000000a3534eeda800fa0b97e0ebded77e7ae5afba1bb6f864d9e85c209f673ebc3aa7f93126584a1d077b893da27d78e1de7f\
        0d7541e7279b671fa80d4b6e2a2fdb5c00000000f60628535b780200000238f72e005d2fef5d7f07df4d04d146bb0ba2af1e00be26df49cf69\
        dd8e803e6cac8481065b4021db97bae5ea301a0631c2812a7a1ead96557d7c688c1732b40d";

    fn read(raw: &[u8]) -> Result<Header, InvalidHeader> {
        Header::read(ChainId::MAINNET, format!("\"{}\"", hex::encode(raw)).as_bytes())
    }

    fn raw(block: &oracle::payload::consensus::Block, signature: &[u8]) -> Vec<u8> {
        [&block.bytes()[5..], signature].concat()
    }

    #[test]
    fn a_block_of_mainnet() {
        let header = read(&hex::decode(MAINNET_HEADER).unwrap()).unwrap();
        assert_eq!(header.hash.to_string(), "BL6eya89cPvUAZm7s9GvVcd91Vov3S3ajSJBLc6sbA2EBaWpPyg");
        assert_eq!((header.level().get(), header.position.round.get()), (15_267_099, 0));
        assert_eq!(hex::encode(header.predecessor.as_bytes()), MAINNET_HEADER[10..74]);
        assert_eq!(header.signature_length, Some(64));
    }

    #[test]
    fn a_block_is_ours_if_our_key_has_signed_it_on_this_chain() {
        for curve in Curve::ALL {
            for seed_nonce_hash in [None, Some(0x77)] {
                let (ours, other) = (SecretKey::generate(curve).unwrap(), SecretKey::generate(curve).unwrap());
                let mut block = oracle::payload::consensus::Block::new(1331, 2);
                block.protocol_data = oracle::payload::consensus::protocol_data(0x5a, seed_nonce_hash);
                let signature = ours.sign(&block.bytes(), BlsScheme::default()).unwrap();
                let raw = raw(&block, signature.as_bytes());
                let header = read(&raw).unwrap();
                assert_eq!((header.level().get(), header.position.round.get()), (1331, 2));
                let expected = SignedBlock { digest: Digest::of(&block.bytes()), signature };
                assert_eq!(header.signed_by(ours.public_key()), Some(expected), "{curve}");
                assert_eq!(header.signed_by(other.public_key()), None, "{curve}");
                let elsewhere =
                    Header::read(ChainId::from_bytes([1, 2, 3, 4]), format!("\"{}\"", hex::encode(&raw)).as_bytes());
                assert_eq!(elsewhere.unwrap().signed_by(ours.public_key()), None, "{curve}");
            }
        }
    }

    /// The next protocol may add data, as long as the signature comes last.
    #[test]
    fn longer_protocol_data_hides_no_signature() {
        let ours = SecretKey::generate(Curve::Ed25519).unwrap();
        let mut block = oracle::payload::consensus::Block::new(1331, 0);
        block.protocol_data.extend([7; 5]);
        let signature = ours.sign(&block.bytes(), BlsScheme::default()).unwrap();
        let header = read(&raw(&block, signature.as_bytes())).unwrap();
        assert!(header.signed_by(ours.public_key()).is_some());
    }

    #[test]
    fn nothing_malformed_is_a_header() {
        let whole = raw(&oracle::payload::consensus::Block::new(1331, 0), &[7; 64]);
        assert!(read(&whole).is_ok());
        // Without its signature, or with less of it, it can still be read, but nobody has signed it.
        for length in 0..whole.len() - 64 {
            assert!(read(&whole[..length]).is_err(), "{length} bytes");
        }
        let mut long_fitness = whole.clone();
        long_fitness[FITNESS - PAYLOAD_PREFIX] = 0xff;
        assert!(matches!(read(&long_fitness), Err(InvalidHeader::Malformed(_))));
        let too_long = [whole, vec![0; MAX_HEADER_BYTES]].concat();
        assert_eq!(read(&too_long), Err(InvalidHeader::NotHex));
        for json in ["", "null", "{}", "\"0\"", "\"0g\"", "12", "\"\\u0030\""] {
            assert_eq!(Header::read(ChainId::MAINNET, json.as_bytes()), Err(InvalidHeader::NotHex), "{json}");
        }
    }
}
