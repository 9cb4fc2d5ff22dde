//! Follows one node: reads each new block once, also over gaps and reorganisations, and hands it to all consumers.

use super::node_reader::{NodeReader, ReadError};
use super::read_blocks::ReadBlocks;
use super::{Header, Receipt};
use crate::chain::HeadChange;
use crate::tezos::payload::NonNegative;
use crate::tezos::{BlockHash, ChainId, PublicKeyHash};
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tracing::{info, warn};

/// A block, as a node shows it.
#[derive(Debug)]
pub struct Block {
    /// Its chain.
    pub chain: ChainId,
    /// Its header.
    pub header: Header,
    /// The block before the one before it; `None` if that one was not read.
    pub second_predecessor: Option<BlockHash>,
    /// Hash and level of the node's head at that time.
    pub head: (BlockHash, NonNegative),
    /// The keys whose votes were looked for.
    pub keys: Arc<BTreeSet<PublicKeyHash>>,
    /// Their votes in the block.
    pub votes: Vec<Receipt>,
}

/// Receives the blocks of all nodes.
pub trait BlockConsumer: Send + Sync {
    /// Takes a block from the node at this place in the settings. Each block of a node is passed once, those of a walk back oldest first.
    /// An error means that the node did not answer: the same block is then passed again.
    fn take<'a>(
        &'a self,
        node: usize,
        reader: &'a NodeReader,
        block: &'a Arc<Block>,
    ) -> BoxFuture<'a, Result<(), ReadError>>;
}

/// The keys whose votes are looked for.
pub type WantedKeys = Arc<dyn Fn() -> BTreeSet<PublicKeyHash> + Send + Sync>;

/// Blocks below the head that are read at most, after a gap or a reorganisation.
const MAX_WALK: usize = 32;

/// Between two attempts to read a block.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

pub(super) struct Follower {
    /// The node's place among all nodes.
    number: usize,
    reader: NodeReader,
    changes: watch::Receiver<Option<HeadChange>>,
    keys: WantedKeys,
    consumers: Vec<Arc<dyn BlockConsumer>>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    read: ReadBlocks,
    /// A block that was read, but not taken by all consumers, and the number of its votes that are not of a known form.
    pending: Option<(Arc<Block>, usize)>,
    /// What was logged last about the node.
    is_readable: Option<bool>,
}

impl Follower {
    pub(super) fn new(
        number: usize,
        reader: NodeReader,
        changes: watch::Receiver<Option<HeadChange>>,
        keys: WantedKeys,
        consumers: Vec<Arc<dyn BlockConsumer>>,
    ) -> Self {
        Self { number, reader, changes, keys, consumers, progress: Mutex::default() }
    }

    /// Reads blocks whenever the head changes. Never ends while the head is polled.
    pub(super) async fn follow(&self) {
        let mut changes = self.changes.clone();
        // After a restart, the current head counts as new.
        changes.mark_changed();
        while changes.changed().await.is_ok() {
            let Some(HeadChange { chain, .. }) = *changes.borrow_and_update() else { continue };
            while let Err(error) = self.catch_up(chain).await {
                self.log_unreadable(&error.to_string());
                tokio::time::sleep(RETRY_INTERVAL).await;
                if changes.has_changed().unwrap_or(true) {
                    break;
                }
            }
        }
    }

    /// Reads the last blocks that have not been read, the oldest first. One that cannot be read hides no other, and is tried again the
    /// next time.
    async fn catch_up(&self, chain: ChainId) -> Result<(), ReadError> {
        let keys = Arc::new((self.keys)());
        if keys.is_empty() {
            return Ok(());
        }
        let head = self.reader.head(chain).await?;
        let at = (head.hash, head.level());
        let (unread, mut failure) = self.unread(chain, head).await;
        let mut unknown_votes = None;
        for header in unread.into_iter().rev() {
            let hash = header.hash;
            match self.read_block(chain, header, at, &keys).await {
                Ok(0) => {}
                Ok(votes) => unknown_votes = Some((votes, hash)),
                Err(error) if error.is_no_answer() => return Err(error),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match (failure, unknown_votes) {
            (Some(error), _) => return Err(error),
            (None, Some((votes, block))) => {
                let reason = format!("{votes} votes of {block} are not of a known form, or have no metadata");
                self.log_unreadable(&reason);
            }
            (None, None) => self.log_readable(),
        }
        Ok(())
    }

    /// The headers of the last blocks that have not been read, the newest first; and why those below them are unknown, if they are.
    async fn unread(&self, chain: ChainId, head: Header) -> (Vec<Header>, Option<ReadError>) {
        let (mut block, mut head) = (head.hash, Some(head));
        let mut unread = Vec::new();
        for _ in 0..=MAX_WALK {
            let known = self.progress().read.predecessor(&block);
            if let Some(predecessor) = known {
                (block, head) = (predecessor, None);
                continue;
            }
            let header = match head.take() {
                Some(header) => header,
                None => match self.reader.header(chain, block).await {
                    Ok(header) => header,
                    // The node does not have the block any more, or the block is older than the protocols that are known.
                    Err(error) if error.is_end_of_walk() => break,
                    Err(error) => return (unread, Some(error)),
                },
            };
            block = header.predecessor;
            let is_first = header.is_first();
            unread.push(header);
            if is_first {
                break;
            }
        }
        (unread, None)
    }

    /// Reads the votes of a block, and hands it to all. Returns the number of votes that are not of a known form.
    async fn read_block(
        &self,
        chain: ChainId,
        header: Header,
        head: (BlockHash, NonNegative),
        keys: &Arc<BTreeSet<PublicKeyHash>>,
    ) -> Result<usize, ReadError> {
        let pending = self.progress().pending.clone().filter(|(block, _)| block.header.hash == header.hash);
        let (block, unreadable) = if let Some(pending) = pending {
            pending
        } else {
            let receipts = self.reader.votes(header.hash, keys).await?;
            let second_predecessor = self.progress().read.predecessor(&header.predecessor);
            let keys = Arc::clone(keys);
            let block = Block { chain, header, second_predecessor, head, keys, votes: receipts.votes };
            (Arc::new(block), receipts.unreadable)
        };
        self.progress().pending = Some((Arc::clone(&block), unreadable));
        for consumer in &self.consumers {
            consumer.take(self.number, &self.reader, &block).await?;
        }
        let mut progress = self.progress();
        progress.read.add(&block.header);
        progress.pending = None;
        Ok(unreadable)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_readable(&self) {
        if self.progress().is_readable.replace(true) != Some(true) {
            info!(event = "blocks_available", node = %self.reader.url(), "reading the blocks of this node");
        }
    }

    fn log_unreadable(&self, reason: &str) {
        if self.progress().is_readable.replace(false) != Some(false) {
            warn!(event = "blocks_unavailable", node = %self.reader.url(), reason, "cannot read all votes in the blocks of this node");
        }
    }
}
