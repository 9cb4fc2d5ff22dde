//! The branch of the chain that a node follows, and which of its blocks are final. Pure.

use crate::tezos::BlockHash;
use crate::tezos::payload::{NonNegative, Position};
use std::collections::VecDeque;

/// A block of the branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The block.
    pub hash: BlockHash,
    /// The one before it.
    pub predecessor: BlockHash,
    /// Its level and round.
    pub position: Position,
}

/// Blocks that are remembered: those of which a mark remembers the signatures, and what makes them final.
pub(super) const MAX_LINKS: usize = 67;

/// A block is final once it has so many successors: a quorum has then voted on top of one.
const CONFIRMATIONS: u32 = 2;

/// The last blocks of the branch, the newest last.
#[derive(Debug, Default)]
pub struct Branch {
    links: VecDeque<Link>,
    /// The level up to which blocks are done.
    done: Option<NonNegative>,
}

impl Branch {
    /// Whether a block is on the branch, as far as that is remembered.
    pub fn has(&self, hash: &BlockHash) -> bool {
        self.links.iter().any(|link| link.hash == *hash)
    }

    /// Follows a new head: `newest_first` are the blocks from the head back to one whose predecessor is on the branch, or, if there is
    /// none, the blocks that were read.
    pub fn follow(&mut self, newest_first: Vec<Link>) {
        let Some(oldest) = newest_first.last() else { return };
        // Without a common block, what was remembered is of no use.
        let common = self.links.iter().position(|link| link.hash == oldest.predecessor).map_or(0, |index| index + 1);
        self.links.truncate(common);
        self.links.extend(newest_first.into_iter().rev());
        while self.links.len() > MAX_LINKS {
            self.links.pop_front();
        }
        if self.done.is_none() {
            // What happened before this process knew the chain is not judged.
            self.done = self.links.back().map(|head| head.position.level);
        }
    }

    /// The first block that is not [done](Branch::done), with its successor, once the successor is final.
    pub fn next_final(&self) -> Option<(Link, Link)> {
        let done = self.done?;
        self.finals().into_iter().find(|(block, _)| block.position.level > done)
    }

    /// No block at this level is returned again, nor one before it.
    pub fn done(&mut self, block: &Link) {
        self.done = self.done.max(Some(block.position.level));
    }

    /// The final blocks that are remembered, each with its successor, the oldest first.
    pub fn finals(&self) -> Vec<(Link, Link)> {
        let Some(head) = self.links.back() else { return Vec::new() };
        let is_final = |successor: &Link| successor.position.level.get() + CONFIRMATIONS <= head.position.level.get();
        let pairs = self.links.iter().zip(self.links.iter().skip(1));
        pairs.filter(|(_, successor)| is_final(successor)).map(|(block, successor)| (*block, *successor)).collect()
    }

    /// The level of the newest block.
    pub fn head(&self) -> Option<NonNegative> {
        self.links.back().map(|link| link.position.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(level: i32, name: u8, predecessor: u8) -> Link {
        let hash = |name: u8| BlockHash::from_bytes([name; 32]);
        let position = Position { level: level.try_into().unwrap(), round: 0.try_into().unwrap() };
        Link { hash: hash(name), predecessor: hash(predecessor), position }
    }

    /// All that is final now: the first bytes of block and successor.
    fn finals(branch: &mut Branch) -> Vec<(u8, u8)> {
        fn first(link: Link) -> u8 {
            link.hash.as_bytes()[0]
        }
        let next = || {
            let (block, successor) = branch.next_final()?;
            branch.done(&block);
            Some((first(block), first(successor)))
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn each_level_is_final_once_with_the_successor_that_stays() {
        let mut branch = Branch::default();
        branch.follow(vec![link(10, 10, 9)]);
        assert_eq!(finals(&mut branch), [], "blocks before the start do not count");
        branch.follow(vec![link(11, 11, 10)]);
        branch.follow(vec![link(12, 12, 11)]);
        branch.follow(vec![link(13, 13, 12)]);
        assert_eq!(finals(&mut branch), []);
        // A reorganisation replaces 12 and 13.
        branch.follow(vec![link(14, 114, 113), link(13, 113, 112), link(12, 112, 11)]);
        assert!(branch.has(&link(11, 11, 0).hash) && !branch.has(&link(12, 12, 0).hash));
        assert_eq!(finals(&mut branch), [(11, 112)]);
        assert_eq!(finals(&mut branch), [], "once");
        branch.follow(vec![link(15, 115, 114)]);
        branch.follow(vec![link(16, 116, 115)]);
        assert_eq!(finals(&mut branch), [(112, 113), (113, 114)]);
    }

    #[test]
    fn after_a_gap_only_what_was_read_counts() {
        let mut branch = Branch::default();
        branch.follow(vec![link(10, 10, 9)]);
        branch.follow(vec![link(54, 54, 53), link(53, 53, 52), link(52, 52, 51), link(51, 51, 50)]);
        assert_eq!(finals(&mut branch), [(51, 52)]);
    }
}
