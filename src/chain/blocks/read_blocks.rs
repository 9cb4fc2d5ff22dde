//! Which blocks of a node have been read, so that each is read once. Pure.

use super::Header;
use crate::tezos::BlockHash;
use std::collections::{HashMap, VecDeque};

/// The blocks that were read last, each with its predecessor.
#[derive(Debug, Default)]
pub(super) struct ReadBlocks {
    predecessors: HashMap<BlockHash, BlockHash>,
    order: VecDeque<BlockHash>,
}

/// How many blocks are remembered: more than a walk back can meet.
const MAX_BLOCKS: usize = 256;

impl ReadBlocks {
    /// The predecessor of a block, if the block was read.
    pub(super) fn predecessor(&self, block: &BlockHash) -> Option<BlockHash> {
        self.predecessors.get(block).copied()
    }

    pub(super) fn add(&mut self, header: &Header) {
        if self.predecessors.insert(header.hash, header.predecessor).is_some() {
            return;
        }
        self.order.push_back(header.hash);
        if self.order.len() > MAX_BLOCKS
            && let Some(oldest) = self.order.pop_front()
        {
            self.predecessors.remove(&oldest);
        }
    }
}
