//! The branches of all nodes, and which final blocks have been judged. Pure, except that it wakes those who wait for a block.

use super::BlockOnChain;
use super::branch::{Branch, Link};
use crate::chain::blocks::{Block, BlockConsumer, NodeReader, ReadError};
use crate::tezos::payload::NonNegative;
use crate::tezos::{BlockHash, ChainId};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The last blocks of all nodes. Nothing that hands over a block waits for its judgment.
#[derive(Default)]
pub struct Branches {
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Default)]
struct Known {
    /// By the node's place in the settings.
    nodes: BTreeMap<usize, (ChainId, Branch)>,
    judged: HashMap<ChainId, Judged>,
}

/// Which levels of a chain have been judged.
struct Judged {
    /// Levels up to here are not judged: they are from before this process knew the chain.
    start: NonNegative,
    levels: BTreeSet<NonNegative>,
}

/// How far the first node may be behind another one before that one takes its place, in levels.
const MAX_LAG: u32 = 2;

/// Levels that are remembered as judged: more than a branch has.
const MAX_LEVELS: usize = 256;

impl BlockConsumer for Branches {
    fn take<'a>(
        &'a self,
        node: usize,
        _: &'a NodeReader,
        block: &'a Arc<Block>,
    ) -> BoxFuture<'a, Result<(), ReadError>> {
        let link = Link::new(&block.header, Arc::clone(&block.keys), &block.votes);
        self.known().add(node, block.chain, link, block.head);
        self.changed.notify_one();
        std::future::ready(Ok(())).boxed()
    }
}

impl Branches {
    /// Waits for a block.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The chains that nodes follow.
    pub(super) fn chains(&self) -> BTreeSet<ChainId> {
        self.known().nodes.values().map(|(chain, _)| *chain).collect()
    }

    /// The nodes that follow a chain, the leading one first.
    pub(super) fn nodes_of(&self, chain: ChainId) -> Vec<usize> {
        let known = self.known();
        let lead = known.lead(chain);
        let others = known.of(chain).map(|(node, _)| node).filter(|node| Some(*node) != lead);
        lead.into_iter().chain(others).collect()
    }

    /// The first final block of a chain that has not been [judged](Self::judged).
    pub(super) fn next_final(&self, chain: ChainId) -> Option<BlockOnChain> {
        self.known().next_final(chain)
    }

    /// No block at this level is returned again.
    pub(super) fn judged(&self, chain: ChainId, level: NonNegative) {
        if let Some(judged) = self.known().judged.get_mut(&chain) {
            judged.levels.insert(level);
            while judged.levels.len() > MAX_LEVELS {
                judged.levels.pop_first();
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn add(&mut self, node: usize, chain: ChainId, link: Link, (head, level): (BlockHash, NonNegative)) {
        let of_node = self.nodes.entry(node).or_insert_with(|| (chain, Branch::default()));
        if of_node.0 != chain {
            *of_node = (chain, Branch::default());
        }
        of_node.1.add(link, head);
        let followed: BTreeSet<_> = self.nodes.values().map(|(chain, _)| *chain).collect();
        self.judged.retain(|chain, _| followed.contains(chain));
        self.judged.entry(chain).or_insert_with(|| Judged { start: level, levels: BTreeSet::new() });
    }

    fn of(&self, chain: ChainId) -> impl Iterator<Item = (usize, &Branch)> {
        self.nodes.iter().filter(move |(_, (of_node, _))| *of_node == chain).map(|(node, (_, branch))| (*node, branch))
    }

    /// The first node in the order of the settings that is not behind the others.
    fn lead(&self, chain: ChainId) -> Option<usize> {
        let highest = self.of(chain).filter_map(|(_, branch)| branch.head()).max()?;
        let is_near = |branch: &Branch| branch.head().is_some_and(|head| head.get() + MAX_LAG >= highest.get());
        self.of(chain).find(|(_, branch)| is_near(branch)).map(|(node, _)| node)
    }

    /// The leading node decides which blocks are final. Where it lacks one, another node's counts.
    fn next_final(&self, chain: ChainId) -> Option<BlockOnChain> {
        let judged = self.judged.get(&chain)?;
        let lead = self.lead(chain)?;
        let mut finals = self.nodes.get(&lead)?.1.finals();
        let newest = finals.last()?.level;
        let others = self.of(chain).filter(|(node, _)| *node != lead).flat_map(|(_, branch)| branch.finals());
        finals.extend(others.filter(|block| block.level < newest));
        let is_open = |block: &BlockOnChain| block.level > judged.start && !judged.levels.contains(&block.level);
        // The first of equal ones is the lead's.
        finals.into_iter().filter(is_open).min_by_key(|block| block.level)
    }
}

#[cfg(test)]
mod tests {
    use super::super::branch::tests::{hash, link};
    use super::*;

    /// Adds blocks of a node, named by their levels, the last one being its head.
    fn show(branches: &Branches, node: usize, levels: impl IntoIterator<Item = u8>, head: u8) {
        for name in levels {
            let head = (hash(head), u32::from(head).try_into().unwrap());
            branches.known().add(node, ChainId::MAINNET, link(name.into(), name, name - 1), head);
        }
    }

    /// The levels that are to be judged now. They are, then.
    fn judge(branches: &Branches) -> Vec<u32> {
        let next = || {
            let level = branches.next_final(ChainId::MAINNET)?.level;
            branches.judged(ChainId::MAINNET, level);
            Some(level.get())
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn each_level_after_the_start_is_judged_once_no_matter_how_many_nodes_show_it() {
        let branches = Branches::default();
        show(&branches, 0, 8..=10, 10);
        assert!(judge(&branches).is_empty(), "blocks before the start do not count");
        show(&branches, 0, 11..=14, 14);
        assert_eq!(judge(&branches), [11]);
        show(&branches, 1, 8..=14, 14);
        assert!(judge(&branches).is_empty());
        show(&branches, 0, [15], 15);
        assert_eq!(judge(&branches), [12]);
    }

    #[test]
    fn the_first_node_that_is_not_behind_decides_and_another_one_shows_what_it_lacks() {
        let branches = Branches::default();
        show(&branches, 0, [10], 10);
        show(&branches, 1, 10..=17, 17);
        assert_eq!((judge(&branches), branches.nodes_of(ChainId::MAINNET)), (vec![11, 12, 13, 14], vec![1, 0]));
        show(&branches, 0, (11..=18).filter(|level| *level != 15), 18);
        // Without block 15, the first node shows neither level 14 nor level 15.
        assert!(judge(&branches).is_empty());
        assert_eq!(branches.nodes_of(ChainId::MAINNET), [0, 1]);
        show(&branches, 0, 19..=20, 20);
        show(&branches, 1, 18..=19, 19);
        assert_eq!(judge(&branches), [15, 16, 17]);
    }
}
