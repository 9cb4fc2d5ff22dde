//! Blocks: header, signature and consensus operations (Octez, `block_header.ml`, `block_header_repr.ml` and `fitness_repr.ml` of
//! protocol 025).

use super::operation::Operation;
use super::{Hash, Network};
use crate::crypto::digest;
use crate::payload::consensus::fitness;
use crate::payload::sized;

/// A block header without its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Level.
    pub level: i32,
    /// Round, which decides who proposes it.
    pub round: i32,
    /// The round in which its payload had a quorum of preattestations, if it is a re-proposal with that evidence.
    pub locked_round: Option<i32>,
    /// The block below.
    pub predecessor: Hash,
    /// Its round.
    pub predecessor_round: i32,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// Hash of all operations, votes included.
    pub operations_hash: Hash,
    /// Hash of the operations without votes, and of where they were first proposed.
    pub payload_hash: Hash,
    /// The round in which the payload was first proposed.
    pub payload_round: i32,
    /// Differs between blocks that are otherwise the same.
    pub nonce: u64,
}

impl Header {
    /// The elements of the fitness.
    pub fn fitness(&self) -> Vec<Vec<u8>> {
        let predecessor_round = self.predecessor_round.saturating_neg().saturating_sub(1);
        fitness(self.level, self.locked_round, predecessor_round, self.round)
    }

    /// What the fitness is compared by: the block with the highest is the head (`fitness_repr.ml`, `compare`).
    pub fn weight(&self) -> (i32, i32, i32, i32) {
        (self.level, self.locked_round.unwrap_or(-1), self.predecessor_round.saturating_neg(), self.round)
    }

    /// Hash of the context after the block, which nothing here looks into.
    pub fn context(&self) -> Hash {
        digest(&[self.predecessor, self.payload_hash].concat())
    }

    /// Protocol data: payload hash and round, proof-of-work nonce, no seed nonce hash, votes.
    pub fn protocol_data(&self) -> Vec<u8> {
        [self.payload_hash.as_slice(), &self.payload_round.to_be_bytes(), &self.nonce.to_be_bytes(), &[0x00], &[0x02]]
            .concat()
    }

    fn unsigned(&self) -> Vec<u8> {
        let fitness: Vec<u8> = self.fitness().iter().flat_map(|element| sized(element)).collect();
        [
            self.level.to_be_bytes().as_slice(),
            &[PROTOCOL_LEVEL],
            &self.predecessor,
            &self.timestamp.to_be_bytes(),
            &[VALIDATION_PASSES],
            &self.operations_hash,
            &sized(&fitness),
            &self.context(),
            &self.protocol_data(),
        ]
        .concat()
    }

    /// The bytes that the baker signs, with the watermark of blocks.
    pub fn signed_bytes(&self, network: &Network) -> Vec<u8> {
        [&[0x11], network.chain.as_slice(), &self.unsigned()].concat()
    }
}

/// `proto` in a shell header: the number of the protocol on its chain.
pub const PROTOCOL_LEVEL: u8 = 25;
/// `validation_pass` in a shell header: the number of lists of operations.
pub const VALIDATION_PASSES: u8 = 4;

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Header.
    pub header: Header,
    /// The baker's signature: 64 bytes, or 96 by a tz4 key.
    pub signature: Vec<u8>,
    /// The consensus operations.
    pub operations: Vec<Operation>,
    /// The hash of header and signature.
    pub hash: Hash,
}

impl Block {
    /// A block with this signature.
    pub fn new(header: Header, signature: Vec<u8>, operations: Vec<Operation>) -> Self {
        let hash = digest(&[header.unsigned(), signature.clone()].concat());
        Self { header, signature, operations, hash }
    }

    /// Header and signature, as `header/raw` shows them in hex. There is no length before the signature.
    pub fn raw_header(&self) -> Vec<u8> {
        [self.header.unsigned(), self.signature.clone()].concat()
    }
}

/// The hash of a block's operations; other operations give another hash.
pub(super) fn operations_hash(operations: &[Operation], payload: &Hash, network: &Network) -> Hash {
    let hashes = operations.iter().map(|operation| operation.hash(network));
    digest(&hashes.chain([*payload]).collect::<Vec<_>>().concat())
}
