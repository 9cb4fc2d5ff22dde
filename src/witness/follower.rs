//! Follows one node: reads each new block once, and walks back over gaps and reorganisations.

use super::judge::Judge;
use super::read_blocks::ReadBlocks;
use super::served::{Companions, ServedKeys};
use super::sighting::{self, Sightings};
use crate::background::unblocked;
use crate::chain::HeadChange;
use crate::chain::blocks::{Form, Header, NodeReader, ReadError, Receipt};
use crate::tezos::{BlockHash, ChainId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tracing::{info, warn};

/// Blocks below the head that are read at most, after a gap or a reorganisation.
const MAX_WALK: usize = 32;

/// Between two attempts to read a block.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

pub(super) struct Follower {
    /// The node's place among all nodes.
    number: usize,
    reader: NodeReader,
    judge: Arc<Judge>,
    changes: watch::Receiver<Option<HeadChange>>,
    read: Mutex<ReadBlocks>,
    condition: Mutex<Condition>,
}

/// What was logged last about a node.
#[derive(Debug, Default)]
struct Condition {
    is_readable: Option<bool>,
    has_wrong_signatures: bool,
}

impl Follower {
    pub(super) fn new(
        number: usize,
        reader: NodeReader,
        judge: Arc<Judge>,
        changes: watch::Receiver<Option<HeadChange>>,
    ) -> Self {
        let (read, condition) = Default::default();
        Self { number, reader, judge, changes, read, condition }
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

    /// Reads the blocks from the head down to the last one that was read, the oldest first.
    async fn catch_up(&self, chain: ChainId) -> Result<(), ReadError> {
        let served = self.judge.served_keys();
        if served.is_empty() {
            return Ok(());
        }
        let served = Arc::new(served);
        let is_read = |block: &BlockHash| self.read().contains(block);
        // The node does not have the block any more, or the block is older than this protocol.
        let is_end = |error: &ReadError| error.is_not_found() || matches!(error, ReadError::Header { .. });
        let unread = self.reader.headers_back_to(chain, is_read, MAX_WALK + 1, is_end).await?;
        for header in unread.into_iter().rev() {
            self.read_block(chain, &header, &served).await?;
            self.read().add(&header);
        }
        self.log_readable();
        Ok(())
    }

    async fn read_block(&self, chain: ChainId, header: &Header, served: &Arc<ServedKeys>) -> Result<(), ReadError> {
        let (block, wanted) = (header.hash, Arc::clone(served));
        let receipts = self.reader.votes(block, move |voter| wanted.has_signed(voter)).await?;
        let companions = self.companions_of(chain, header, &receipts.votes, served).await?;
        self.judge.note_delegates(&receipts.votes, &companions);
        let (header, served, votes) = (header.clone(), Arc::clone(served), receipts.votes);
        let sightings = unblocked(move || sighting::sightings(chain, &header, &votes, &served, &companions)).await;
        self.log_wrong_signatures(&sightings);
        if receipts.unreadable > 0 {
            let votes = receipts.unreadable;
            self.log_unreadable(&format!("{votes} votes of {block} are not of a known form, or have no metadata"));
        }
        self.judge.consider(self.number, sightings.seen);
        Ok(())
    }

    /// The companion keys of the delegates whose votes have DAL content, at the level voted on. The context after the block
    /// before that level has them: that of the level itself has the keys of the next cycle, if it is the last one of a cycle.
    async fn companions_of(
        &self,
        chain: ChainId,
        header: &Header,
        votes: &[Receipt],
        served: &ServedKeys,
    ) -> Result<Companions, ReadError> {
        let with_dal = votes.iter().filter(|vote| matches!(vote.form, Form::Aggregated { with_dal: true }));
        let delegates: Vec<_> = with_dal.map(|vote| (vote.delegate, vote.consensus_key)).collect();
        let mut companions = Companions::new();
        if delegates.iter().all(|(_, consensus_key)| !served.has_other_bls_keys(consensus_key)) {
            return Ok(companions);
        }
        let known = self.read().predecessor(&header.predecessor);
        let before = match known {
            Some(before) => before,
            None => match self.reader.header(chain, header.predecessor).await {
                Ok(predecessor) => predecessor.predecessor,
                Err(error) if error.is_not_found() => return Ok(companions),
                Err(error) => return Err(error),
            },
        };
        for (delegate, _) in delegates {
            match self.reader.companion(before, &delegate).await {
                Ok(companion) => companions.extend(companion.map(|companion| (delegate, companion))),
                // The node does not keep that block.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(companions)
    }

    fn read(&self) -> MutexGuard<'_, ReadBlocks> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_readable(&self) {
        if self.condition().is_readable.replace(true) != Some(true) {
            info!(event = "witness_available", node = %self.reader.url(), "comparing the blocks of this node with what was signed");
        }
    }

    fn log_unreadable(&self, reason: &str) {
        if self.condition().is_readable.replace(false) != Some(false) {
            warn!(event = "witness_unavailable", node = %self.reader.url(), reason, "cannot read the votes in the blocks of this node");
        }
    }

    fn log_wrong_signatures(&self, sightings: &Sightings) {
        if sightings.wrong_signatures > 0 && !std::mem::replace(&mut self.condition().has_wrong_signatures, true) {
            warn!(
                event = "witness_signature_wrong",
                node = %self.reader.url(),
                "a block names one of our keys for a vote that it has not signed: the node lies, or the protocol has changed"
            );
        }
    }
}
