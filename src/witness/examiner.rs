//! Examines each block of a node: finds what it shows of the served keys, and hands it to the judge.

use super::judge::{Judge, lock};
use super::served::{Companions, ServedKeys};
use super::sighting;
use crate::background::unblocked;
use crate::chain::NodeUrl;
use crate::chain::blocks::{Block, BlockConsumer, Form, NodeReader, ReadError, Receipt};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use tracing::{debug, warn};

pub(super) struct Examiner {
    judge: Arc<Judge>,
    /// The nodes about whose wrong signatures a line was logged.
    with_wrong_signatures: Mutex<HashSet<usize>>,
}

impl BlockConsumer for Examiner {
    fn take<'a>(
        &'a self,
        node: usize,
        reader: &'a NodeReader,
        block: &'a Arc<Block>,
    ) -> BoxFuture<'a, Result<(), ReadError>> {
        self.examine(node, reader, block).boxed()
    }
}

impl Examiner {
    pub(super) fn new(judge: Arc<Judge>) -> Self {
        Self { judge, with_wrong_signatures: Mutex::default() }
    }

    async fn examine(&self, node: usize, reader: &NodeReader, block: &Arc<Block>) -> Result<(), ReadError> {
        let served = self.judge.served_keys();
        if served.is_empty() {
            return Ok(());
        }
        let is_served = |vote: &&Receipt| served.get(&vote.consensus_key).is_some();
        let votes: Vec<_> = block.votes.iter().filter(is_served).cloned().collect();
        let companions = companions_of(reader, block, &votes, &served).await?;
        self.judge.note_delegates(&votes, &companions);
        let shown = Arc::clone(block);
        // Signing must not wait for the verification of signatures.
        let sightings =
            unblocked(move || sighting::sightings(shown.chain, &shown.header, &votes, &served, &companions)).await;
        if sightings.wrong_signatures > 0 && lock(&self.with_wrong_signatures).insert(node) {
            log_wrong_signatures(reader.url());
        }
        self.judge.consider(node, sightings.seen);
        Ok(())
    }
}

/// The companion keys of the delegates whose votes have DAL content, at the level voted on. The context after the block before that
/// level has them: that of the level itself has the keys of the next cycle, if it is the last one of a cycle.
async fn companions_of(
    reader: &NodeReader,
    block: &Block,
    votes: &[Receipt],
    served: &ServedKeys,
) -> Result<Companions, ReadError> {
    let with_dal = votes.iter().filter(|vote| matches!(vote.form, Form::Aggregated { with_dal: true }));
    let delegates: Vec<_> = with_dal.map(|vote| (vote.delegate, vote.consensus_key)).collect();
    let mut companions = Companions::new();
    if delegates.iter().all(|(_, consensus_key)| !served.has_other_bls_keys(consensus_key)) {
        return Ok(companions);
    }
    let before = match block.second_predecessor {
        Some(before) => Some(before),
        None => answered(reader, reader.header(block.chain, block.header.predecessor).await)?
            .map(|predecessor| predecessor.predecessor),
    };
    let Some(before) = before else { return Ok(companions) };
    for (delegate, _) in delegates {
        let companion = answered(reader, reader.companion(before, &delegate).await)?.flatten();
        companions.extend(companion.map(|companion| (delegate, companion)));
    }
    Ok(companions)
}

/// What the node returned; `None` if it refuses, or does not keep that block: what else the block shows is judged anyway.
fn answered<T>(reader: &NodeReader, answer: Result<T, ReadError>) -> Result<Option<T>, ReadError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_no_answer() => Err(error),
        Err(error) => {
            debug!(node = %reader.url(), reason = %error, "cannot read which companion key a delegate uses");
            Ok(None)
        }
    }
}

fn log_wrong_signatures(node: &NodeUrl) {
    warn!(
        event = "witness_signature_wrong",
        %node,
        "a block names one of our keys for a vote that it has not signed: the node lies, or the protocol has changed"
    );
}
