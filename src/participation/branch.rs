//! The branch of the chain that a node follows, and which of its blocks are final. Pure.

use super::BlockOnChain;
use crate::chain::blocks::{Header, Receipt};
use crate::tezos::payload::{Kind, NonNegative, Position};
use crate::tezos::{BlockHash, PublicKeyHash};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A block of the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// The block.
    pub(super) hash: BlockHash,
    /// The one before it.
    pub(super) predecessor: BlockHash,
    /// Its level and round.
    pub(super) position: Position,
    /// The keys whose votes were looked for.
    pub(super) keys: Arc<BTreeSet<PublicKeyHash>>,
    /// Those of them whose attestation of the level before it includes.
    pub(super) attesters: BTreeSet<PublicKeyHash>,
}

/// Levels that are remembered: those of which a mark remembers the signatures, and what makes them final.
pub(super) const MAX_LINKS: usize = 67;

/// A block is final once it has so many successors: a quorum has then voted on top of one.
const CONFIRMATIONS: u32 = 2;

/// The last blocks that a node has shown, of all branches.
#[derive(Debug, Default)]
pub(super) struct Branch {
    links: HashMap<BlockHash, Link>,
    head: Option<BlockHash>,
}

impl Link {
    /// A block with the votes of these keys that it contains.
    pub(super) fn new(header: &Header, keys: Arc<BTreeSet<PublicKeyHash>>, votes: &[Receipt]) -> Self {
        let level = header.level().get();
        let of_predecessor =
            votes.iter().filter(|vote| vote.kind == Kind::Attestation && vote.position.level.get() + 1 == level);
        let attesters = of_predecessor.map(|vote| vote.consensus_key).collect();
        Self { hash: header.hash, predecessor: header.predecessor, position: header.position, keys, attesters }
    }
}

impl Branch {
    /// Adds a block, in any order, and notes the node's head, which may still be to come.
    pub(super) fn add(&mut self, link: Link, head: BlockHash) {
        self.links.insert(link.hash, link);
        self.head = Some(head);
        let newest = self.links.values().map(|link| link.position.level.get()).max().unwrap_or_default();
        let is_recent = |link: &Link| {
            usize::try_from(newest - link.position.level.get()).is_ok_and(|distance| distance <= MAX_LINKS)
        };
        self.links.retain(|_, link| is_recent(link));
    }

    /// The final blocks from the head down to the first one that is missing, the oldest first, each with the votes that its successor
    /// includes.
    pub(super) fn finals(&self) -> Vec<BlockOnChain> {
        let mut finals = Vec::new();
        let Some(head) = self.head_link() else { return finals };
        let mut successor = head;
        while let Some(block) = self.links.get(&successor.predecessor) {
            if successor.position.level.get() + CONFIRMATIONS <= head.position.level.get() {
                finals.push(BlockOnChain {
                    level: block.position.level,
                    round: block.position.round,
                    keys: Arc::clone(&successor.keys),
                    attested_by: successor.attesters.clone(),
                });
            }
            successor = block;
        }
        finals.reverse();
        finals
    }

    /// The level of the head, once it has been added.
    pub(super) fn head(&self) -> Option<NonNegative> {
        self.head_link().map(|head| head.position.level)
    }

    fn head_link(&self) -> Option<&Link> {
        self.links.get(&self.head?)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn hash(name: u8) -> BlockHash {
        BlockHash::from_bytes([name; 32])
    }

    pub(in super::super) fn link(level: i32, name: u8, predecessor: u8) -> Link {
        let position = Position { level: level.try_into().unwrap(), round: i32::from(name).try_into().unwrap() };
        let (keys, attesters) = Default::default();
        Link { hash: hash(name), predecessor: hash(predecessor), position, keys, attesters }
    }

    /// Level and name of the final blocks: the tests' rounds are the names.
    fn finals(branch: &Branch) -> Vec<(u32, u32)> {
        branch.finals().iter().map(|block| (block.level.get(), block.round.get())).collect()
    }

    #[test]
    fn a_block_is_final_with_its_successor() {
        let mut branch = Branch::default();
        for name in 10..13 {
            branch.add(link(name.into(), name, name - 1), hash(name));
        }
        assert!(finals(&branch).is_empty());
        branch.add(link(13, 13, 12), hash(13));
        assert_eq!(finals(&branch), [(10, 10)]);
        // A reorganisation replaces 12 and 13.
        for (level, name, predecessor) in [(12, 112, 11), (13, 113, 112), (14, 114, 113)] {
            branch.add(link(level, name, predecessor), hash(114));
        }
        assert_eq!(finals(&branch), [(10, 10), (11, 11)]);
        branch.add(link(15, 115, 114), hash(115));
        assert_eq!(finals(&branch), [(10, 10), (11, 11), (12, 112)]);
        assert_eq!(branch.head().unwrap().get(), 15);
    }

    #[test]
    fn blocks_below_a_missing_one_are_final_once_it_is_there() {
        let mut branch = Branch::default();
        for name in [10, 11, 13, 14, 15, 16] {
            branch.add(link(name.into(), name, name - 1), hash(16));
        }
        assert_eq!(finals(&branch), [(13, 13)]);
        branch.add(link(12, 12, 11), hash(16));
        assert_eq!(finals(&branch), [(10, 10), (11, 11), (12, 12), (13, 13)]);
    }

    #[test]
    fn only_so_many_levels_are_remembered() {
        let mut branch = Branch::default();
        for name in 1..=200 {
            branch.add(link(name.into(), name, name - 1), hash(name));
        }
        assert!(branch.links.len() <= MAX_LINKS + 1 && branch.finals().len() >= 64, "{}", branch.links.len());
    }
}
