//! Blocks and votes (Octez, `src/lib_base/block_header.ml`, `fitness_repr.ml` and `operation_repr.ml` of protocol 025).

use super::{MAINNET, signed_number, sized};
use crate::crypto::Curve;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of payloads with a high watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 0x11.
    Block,
    /// 0x12.
    Preattestation,
    /// 0x13.
    Attestation,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Block, Self::Preattestation, Self::Attestation];

    /// Watermark byte.
    pub const fn watermark(self) -> u8 {
        match self {
            Self::Block => 0x11,
            Self::Preattestation => 0x12,
            Self::Attestation => 0x13,
        }
    }

    /// Name in policies, marks and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Preattestation => "preattestation",
            Self::Attestation => "attestation",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A vote to encode.
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 1 | watermark byte: 0x12 or 0x13 |
/// | 1 | 4 | chain |
/// | 5 | 32 | branch |
/// | 37 | 1 | content tag: 20, 40 (tz4) preattestation; 21, 23 (with DAL content), 41 (tz4) attestation |
/// | 38 | 2 or 0 | slot; absent from the votes of tz4 keys |
/// | 40 or 38 | 4 | level |
/// | 44 or 42 | 4 | round |
/// | 48 or 46 | 32 | block payload hash |
/// | 80 | 1 or more | DAL content, a signed number; tag 23 only |
#[derive(Debug, Clone)]
pub struct Vote {
    /// Watermark byte, 0x12 or 0x13.
    pub watermark: u8,
    /// Chain id.
    pub chain: [u8; 4],
    /// Content tag.
    pub tag: u8,
    /// Fills the 32 bytes of the branch, the block that the operation builds on.
    pub branch: u8,
    /// Slot; not encoded for tags 40 and 41.
    pub slot: u16,
    /// Level.
    pub level: i32,
    /// Round.
    pub round: i32,
    /// Fills the 32 bytes of the block payload hash.
    pub payload_hash: u8,
    /// DAL content; encoded for tag 23.
    pub dal: i64,
}

impl Vote {
    /// A typical vote by a baker with a key of this curve, without DAL content.
    pub const fn new(kind: Kind, curve: Curve, level: i32, round: i32) -> Self {
        let (watermark, tag) = match (kind, curve) {
            (Kind::Preattestation, Curve::Bls) => (0x12, 40),
            (Kind::Preattestation, _) => (0x12, 20),
            (_, Curve::Bls) => (0x13, 41),
            _ => (0x13, 21),
        };
        Self { watermark, chain: MAINNET, tag, branch: 0xb0, slot: 12, level, round, payload_hash: 0xa5, dal: 2048 }
    }

    /// The same with DAL content, which tz4 keys do not sign.
    #[must_use]
    pub const fn with_dal(mut self, bits: i64) -> Self {
        self.tag = 23;
        self.dal = bits;
        self
    }

    /// Encodes the payload.
    pub fn bytes(&self) -> Vec<u8> {
        let has_slot = !matches!(self.tag, 40 | 41);
        [
            vec![self.watermark],
            self.chain.to_vec(),
            vec![self.branch; 32],
            vec![self.tag],
            if has_slot { self.slot.to_be_bytes().to_vec() } else { Vec::new() },
            self.level.to_be_bytes().to_vec(),
            self.round.to_be_bytes().to_vec(),
            vec![self.payload_hash; 32],
            if self.tag == 23 { signed_number(self.dal) } else { Vec::new() },
        ]
        .concat()
    }
}

/// A block header to encode, without its signature.
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 1 | watermark byte: 0x11 |
/// | 1 | 4 | chain |
/// | 5 | 4 | level |
/// | 9 | 1 | protocol level |
/// | 10 | 32 | predecessor |
/// | 42 | 8 | timestamp |
/// | 50 | 1 | validation pass |
/// | 51 | 32 | operations hash |
/// | 83 | 4 | length F of the fitness |
/// | 87 | F | [`fitness`], each element after its u32 length |
/// | 87 + F | 32 | context hash |
/// | 119 + F | 46 or more | [`protocol_data`] |
#[derive(Debug, Clone)]
pub struct Block {
    /// Chain id.
    pub chain: [u8; 4],
    /// Level of the header.
    pub level: i32,
    /// Elements of the fitness, without their lengths.
    pub fitness: Vec<Vec<u8>>,
    /// Fills the 32 bytes of the operations hash: with other operations, it is another block.
    pub operations: u8,
    /// Fills the 32 bytes of the predecessor.
    pub predecessor: u8,
    /// Timestamp, in seconds.
    pub timestamp: i64,
    /// Protocol data, which follows the context hash.
    pub protocol_data: Vec<u8>,
}

impl Block {
    /// A typical header, without a locked round.
    pub fn new(level: i32, round: i32) -> Self {
        Self {
            chain: MAINNET,
            level,
            fitness: fitness(level, None, -1, round),
            operations: 0xb2,
            predecessor: 0xb1,
            timestamp: 1_787_000_000,
            protocol_data: protocol_data(0x5a, None),
        }
    }

    /// Encodes the payload.
    pub fn bytes(&self) -> Vec<u8> {
        let fitness: Vec<u8> = self.fitness.iter().flat_map(|element| sized(element)).collect();
        [
            vec![0x11],
            self.chain.to_vec(),
            self.level.to_be_bytes().to_vec(),
            vec![0x17],
            vec![self.predecessor; 32],
            self.timestamp.to_be_bytes().to_vec(),
            vec![4],
            vec![self.operations; 32],
            sized(&fitness),
            vec![0xb3; 32],
            self.protocol_data.clone(),
        ]
        .concat()
    }
}

/// Version 2, level, locked round if any, minus the predecessor's round minus one, round.
pub fn fitness(level: i32, locked_round: Option<i32>, predecessor_round: i32, round: i32) -> Vec<Vec<u8>> {
    vec![
        vec![2],
        level.to_be_bytes().to_vec(),
        locked_round.map_or(Vec::new(), |round| round.to_be_bytes().to_vec()),
        predecessor_round.to_be_bytes().to_vec(),
        round.to_be_bytes().to_vec(),
    ]
}

/// Payload hash, payload round, proof-of-work nonce, seed nonce hash if any, votes.
pub fn protocol_data(nonce: u8, seed_nonce_hash: Option<u8>) -> Vec<u8> {
    let hash = seed_nonce_hash.map_or(vec![0x00], |fill| [vec![0xff], vec![fill; 32]].concat());
    [vec![0xa5; 32], vec![0; 4], vec![nonce; 8], hash, vec![0x02]].concat()
}
