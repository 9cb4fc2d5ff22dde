//! The blocks and votes that bakers request signatures for.

use oracle::crypto::Curve;
pub(crate) use oracle::payload::consensus::Kind;
use oracle::payload::consensus::{Block, Vote, fitness, protocol_data};
use std::fmt;

/// Level and round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) level: u32,
    pub(crate) round: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "level {}, round {}", self.level, self.round)
    }
}

/// How a payload differs from others of its kind and position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Variant {
    /// Another block, or another vote's block.
    pub(crate) content: u8,
    /// Another predecessor: of a vote, another branch.
    pub(crate) branch: u8,
    /// The DAL slots of an attestation; 0 is an attestation without DAL content. Of a block, a nonce and a locked round.
    pub(crate) extra: u8,
}

/// A payload that a baker would send, for a key in the vault.
pub(crate) fn payload(chain: [u8; 4], kind: Kind, position: Position, variant: Variant) -> Vec<u8> {
    payload_by(Curve::P256, chain, kind, position, variant)
}

/// The same for a key of this curve.
pub(crate) fn payload_by(curve: Curve, chain: [u8; 4], kind: Kind, position: Position, variant: Variant) -> Vec<u8> {
    let (level, round) = (position.level.cast_signed(), position.round.cast_signed());
    let Variant { content, branch, extra } = variant;
    if kind == Kind::Block {
        let locked_round = (extra > 0 && round > 0).then(|| round - 1);
        let fitness = fitness(level, locked_round, -1, round);
        let protocol_data = protocol_data(extra, None);
        let block = Block::new(level, round);
        return Block { chain, fitness, operations: content, predecessor: branch, protocol_data, ..block }.bytes();
    }
    let vote = Vote { chain, branch, payload_hash: content, ..Vote::new(kind, curve, level, round) };
    if kind == Kind::Attestation && extra > 0 && curve != Curve::Bls {
        vote.with_dal(extra.into()).bytes()
    } else {
        vote.bytes()
    }
}
