//! Votes and block headers, written byte by byte from the layouts of Octez (`operation_repr.ml`, `block_header.ml` and
//! `fitness_repr.ml`), not from the decoder that they test.

use azurehsm_signer::tezos::Curve;
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};

/// `NetXdQprcVkpaWU`.
pub(crate) const MAINNET: [u8; 4] = [0x7a, 0x06, 0xa7, 0x70];

/// The curves that sign votes with a slot, and the one that signs those without.
const WITH_SLOT: &[Curve] = &[Curve::Ed25519, Curve::Secp256k1, Curve::P256];
const WITHOUT_SLOT: &[Curve] = &[Curve::Bls];

/// One of the five forms that a vote can have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) watermark: u8,
    pub(crate) tag: u8,
    pub(crate) kind: Kind,
    pub(crate) curves: &'static [Curve],
    /// The offset of the level; the round follows it.
    pub(crate) level_at: usize,
    /// The length without DAL content.
    pub(crate) length: usize,
}

pub(crate) const FORMS: [Form; 5] = [
    Form { watermark: 0x12, tag: 20, kind: Kind::Preattestation, curves: WITH_SLOT, level_at: 40, length: 80 },
    Form { watermark: 0x12, tag: 40, kind: Kind::Preattestation, curves: WITHOUT_SLOT, level_at: 38, length: 78 },
    Form { watermark: 0x13, tag: 21, kind: Kind::Attestation, curves: WITH_SLOT, level_at: 40, length: 80 },
    Form { watermark: 0x13, tag: 23, kind: Kind::Attestation, curves: WITH_SLOT, level_at: 40, length: 80 },
    Form { watermark: 0x13, tag: 41, kind: Kind::Attestation, curves: WITHOUT_SLOT, level_at: 38, length: 78 },
];

impl Form {
    /// A vote of this form. DAL content, where the form has it, is the bit set 2048.
    pub(crate) fn vote(&self, level: i32, round: i32) -> Vec<u8> {
        let slot: &[u8] = if self.level_at == 40 { &[0x00, 0x0c] } else { &[] };
        let dal: &[u8] = if self.tag == 23 { &[0x80, 0x20] } else { &[] };
        [
            &[self.watermark],
            MAINNET.as_slice(),
            &[0xb0; 32],
            &[self.tag],
            slot,
            &level.to_be_bytes(),
            &round.to_be_bytes(),
            &[0xa5; 32],
            dal,
        ]
        .concat()
    }
}

/// What a block header says of itself, to be written as bytes. All that stands before the fitness has its fixed place.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) level: i32,
    /// The elements of the fitness, without their lengths.
    pub(crate) fitness: Vec<Vec<u8>>,
    pub(crate) protocol_data: Vec<u8>,
}

/// Where the fitness begins: its length is the u32 before.
pub(crate) const FITNESS_AT: usize = 87;

impl Header {
    /// A header as bakers of today make it, with a seed nonce hash or without.
    pub(crate) fn new(level: i32, locked_round: Option<i32>, round: i32) -> Self {
        let locked_round = locked_round.map_or(Vec::new(), |round| round.to_be_bytes().to_vec());
        Self {
            level,
            fitness: vec![
                vec![2],
                level.to_be_bytes().to_vec(),
                locked_round,
                (-1_i32).to_be_bytes().to_vec(),
                round.to_be_bytes().to_vec(),
            ],
            protocol_data: protocol_data(None),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let fitness: Vec<u8> = self.fitness.iter().flat_map(|element| sized(element)).collect();
        [
            &[0x11],
            MAINNET.as_slice(),
            &self.level.to_be_bytes(),
            &[0x17],
            &[0xb1; 32],
            &1_787_000_000_i64.to_be_bytes(),
            &[4],
            &[0xb2; 32],
            &sized(&fitness),
            &[0xb3; 32],
            &self.protocol_data,
        ]
        .concat()
    }
}

/// Payload hash, payload round, proof-of-work nonce, seed nonce hash if any, votes.
pub(crate) fn protocol_data(seed_nonce_hash: Option<[u8; 32]>) -> Vec<u8> {
    let seed_nonce_hash = seed_nonce_hash.map_or(vec![0x00], |hash| [[0xff].as_slice(), &hash].concat());
    [[0xa5; 32].as_slice(), &[0; 4], &[0x5a; 8], &seed_nonce_hash, &[0x02]].concat()
}

/// A u32 length and the bytes.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [length.to_be_bytes().as_slice(), bytes].concat()
}

pub(crate) fn position(level: i32, round: i32) -> Position {
    Position { level: NonNegative::try_from(level).unwrap(), round: NonNegative::try_from(round).unwrap() }
}
