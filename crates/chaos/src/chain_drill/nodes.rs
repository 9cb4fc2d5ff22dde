//! Nodes that follow the chain, and what happens to them.

use crate::dice::{Seed, Stream};
use stand_ins::{NodeMode, SharedChain, TezosNode, Transport};
use std::io;
use std::time::{Duration, Instant};

/// Number of nodes.
const NODES: usize = 3;

/// How long the trouble of a node lasts.
const TROUBLE: Duration = Duration::from_millis(1_200);

/// The nodes of all signers.
pub(super) struct Nodes(Vec<TezosNode>);

impl Nodes {
    pub(super) fn start(chain: &SharedChain) -> io::Result<Self> {
        (0..NODES).map(|_| TezosNode::following(chain, Transport::Http)).collect::<io::Result<_>>().map(Self)
    }

    /// The value for `NODE_URLS`.
    pub(super) fn urls(&self) -> String {
        self.0.iter().map(TezosNode::url).collect::<Vec<_>>().join(",")
    }

    /// Until the end, one node after another lags, halts, does not answer, or is gone. Returns how often.
    pub(super) async fn trouble(&self, seed: Seed, end: Instant) -> u64 {
        let mut times = 0;
        while Instant::now() < end {
            let mut dice = seed.dice(Stream::Nodes, times);
            times += 1;
            let Some(node) = self.0.get(dice.index(self.0.len())) else { break };
            match dice.number(0..4) {
                0 => node.set_mode(NodeMode::Behind(dice.number(1..6))),
                1 => node.set_mode(NodeMode::Halted),
                2 => node.set_mode(NodeMode::Frozen),
                _ => node.refuse_connections(true),
            }
            tokio::time::sleep(TROUBLE).await;
            node.set_mode(NodeMode::Synced);
            node.refuse_connections(false);
        }
        times
    }
}
