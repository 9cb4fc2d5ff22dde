//! Follows the chain in the background, and judges the duties of each final block.

use super::branch::Branch;
use super::duty::due;
use super::node::{ChainSource, LEVELS_IN_QUERY};
use super::rights::Rights;
use super::{
    Answers, BlockOnChain, Cycle, Duty, DutyKind, Missed, Outcome, Participation, Signatures, due_votes, judge,
};
use crate::answer::Cause;
use crate::chain::blocks::ReadError;
use crate::chain::{NodeError, WatchSettings};
use crate::marks::{Mark, MarkId, StoreError};
use crate::tezos::payload::{NonNegative, Position};
use crate::tezos::{ChainId, PublicKeyHash};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{info, warn};

/// What a signer did, and its keys.
pub trait Records: Send + Sync {
    /// The hashes of the keys that can sign.
    fn keys(&self) -> Vec<PublicKeyHash>;

    /// What this process answered.
    fn answers(&self) -> &Answers;

    /// Reads a mark; `None` if there is none.
    fn mark(&self, id: &MarkId) -> impl Future<Output = Result<Option<Mark>, StoreError>> + Send;
}

/// How far back a gap or a reorganisation is followed, in blocks.
const MAX_DEPTH: usize = 32;

/// Between two readings of cycle and standings, and of rights after a node has refused them.
const REFRESH_INTERVAL: Duration = Duration::from_mins(5);

/// The nodes to follow, in the order in which they are tried. Sends no requests yet.
///
/// # Errors
/// If an HTTP client cannot be created.
pub fn sources(settings: &WatchSettings) -> Result<Vec<ChainSource>, reqwest::Error> {
    /// Blocks are larger than heads.
    const MIN_TIMEOUT: Duration = Duration::from_secs(5);
    settings.nodes.iter().map(|url| ChainSource::new(url, settings.timeout.max(MIN_TIMEOUT))).collect()
}

/// Follows the chain for the life of the process, and looks for a new head at this interval. A failed request is repeated the next
/// time, by another node if there is one.
pub async fn follow(
    records: &impl Records,
    sources: &[ChainSource],
    refresh: Duration,
    state: &Participation,
) -> Infallible {
    let mut follower = Follower { records, state, chain: None, progress: Progress::default() };
    let mut ticks = interval(refresh);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for source in sources {
            match Box::pin(follower.step(source)).await {
                Ok(()) => break,
                // The poll of the head logs that a node does not answer.
                Err(error) => tracing::debug!(node = %source.url(), reason = %error, "cannot follow the chain"),
            }
        }
    }
}

struct Follower<'a, R> {
    records: &'a R,
    state: &'a Participation,
    chain: Option<ChainId>,
    progress: Progress,
}

/// What was read of the chain.
#[derive(Default)]
struct Progress {
    branch: Branch,
    rights: Rights,
    /// The keys whose rights are known, and the levels from the first to before the last.
    known: Option<(Vec<PublicKeyHash>, u32, u32)>,
    /// When rights are requested again after a refusal.
    retry_at: Option<Instant>,
    cycle: Option<Cycle>,
    refreshed: Option<Instant>,
}

impl<R: Records> Follower<'_, R> {
    async fn step(&mut self, source: &ChainSource) -> Result<(), ReadError> {
        let chain = source.chain().await?;
        if self.chain.replace(chain) != Some(chain) {
            self.progress = Progress::default();
        }
        // What came before the first head is not judged.
        let depth = if self.progress.branch.head().is_some() { MAX_DEPTH } else { 1 };
        source.follow(chain, &mut self.progress.branch, depth).await?;
        let keys = self.records.keys();
        self.refresh(source, &keys).await;
        while let Some((block, successor)) = self.progress.branch.next_final() {
            if !keys.is_empty() {
                let with_rights = self.learn_rights(source, block.position.level, &keys).await;
                let shown = source.block(&block, &successor.hash, &keys).await?;
                for duty in self.due(chain, &shown, &keys, with_rights) {
                    self.judge(chain, &duty).await;
                }
            }
            self.progress.branch.done(&block);
        }
        Ok(())
    }

    /// Whether the rights at a level are known. Reads those of the next levels too.
    async fn learn_rights(&mut self, source: &ChainSource, level: NonNegative, keys: &[PublicKeyHash]) -> bool {
        let progress = &mut self.progress;
        let is_known =
            |known: &(Vec<PublicKeyHash>, u32, u32)| known.0 == keys && (known.1..known.2).contains(&level.get());
        if progress.known.as_ref().is_some_and(is_known) {
            return true;
        }
        if progress.retry_at.is_some_and(|at| Instant::now() < at) {
            return false;
        }
        match source.add_rights(&mut progress.rights, level, keys).await {
            Ok(()) => {
                progress.known = Some((keys.to_vec(), level.get(), level.get() + LEVELS_IN_QUERY));
                progress.retry_at = None;
                true
            }
            Err(error) => {
                if progress.retry_at.is_none() {
                    log_unknown_rights(source, &error);
                }
                progress.retry_at = Some(Instant::now() + REFRESH_INTERVAL);
                false
            }
        }
    }

    /// The duties at a block. Without rights, only the votes that someone has requested, or that are on chain.
    fn due(&self, chain: ChainId, block: &BlockOnChain, keys: &[PublicKeyHash], with_rights: bool) -> Vec<Duty> {
        if with_rights {
            return due(block, &self.progress.rights);
        }
        let was_requested =
            |key: &&PublicKeyHash| self.records.answers().has_any(&mark_of(chain, **key, DutyKind::Vote), block.level);
        let requested = keys.iter().filter(was_requested).copied();
        due_votes(block, &requested.chain(block.attested_by.iter().copied()).collect())
    }

    async fn judge(&self, chain: ChainId, duty: &Duty) {
        let id = mark_of(chain, duty.key, duty.kind);
        let outcome = if duty.is_on_chain {
            Outcome::Included
        } else {
            let signed = match self.records.mark(&id).await {
                Ok(mark) => Signatures::at(mark.as_ref(), duty.level),
                Err(_) => Signatures::default(),
            };
            let position = Position { level: duty.level, round: duty.round };
            judge(duty, &signed, self.records.answers().at(&id, position))
        };
        let cycle = self.progress.cycle.map(|cycle| cycle.of(duty.level)).unwrap_or_default();
        self.state.add(duty, cycle, outcome);
        if let Outcome::Missed(missed) = outcome {
            log_missed(chain, duty, missed);
        }
    }

    /// Reads cycle and standings now and then. What cannot be read stays as it was.
    async fn refresh(&mut self, source: &ChainSource, keys: &[PublicKeyHash]) {
        if self.progress.refreshed.is_some_and(|at| at.elapsed() < REFRESH_INTERVAL) {
            return;
        }
        self.progress.refreshed = Some(Instant::now());
        if let Ok(cycle) = source.cycle().await {
            self.progress.cycle = Some(cycle);
        }
        let mut standings = BTreeMap::new();
        for key in keys {
            if let Ok(Some(standing)) = source.standing(&delegate_of(&self.progress.rights, key)).await {
                standings.insert(*key, standing);
            }
        }
        if !standings.is_empty() {
            self.state.set_standings(standings);
        }
    }
}

/// The delegate that a key signs for. A key without a known delegate may be one itself.
pub(super) fn delegate_of(rights: &Rights, key: &PublicKeyHash) -> PublicKeyHash {
    *rights.delegates().get(key).unwrap_or(key)
}

/// The mark that covers a duty.
pub(super) const fn mark_of(chain: ChainId, key: PublicKeyHash, kind: DutyKind) -> MarkId {
    MarkId { chain, key, kind: kind.of_mark() }
}

fn log_unknown_rights(source: &ChainSource, error: &NodeError) {
    info!(
        event = "rights_unknown",
        node = %source.url(),
        reason = %error,
        "the node refuses requests for rights: missed blocks, and votes that nobody requested, are not noticed"
    );
}

fn log_missed(chain: ChainId, duty: &Duty, missed: Missed) {
    let Duty { key, kind, level, round, .. } = duty;
    let (level, round) = (level.get(), round.get());
    let (outcome, cause) = (missed.name(), missed.cause().map(Cause::name));
    match kind {
        DutyKind::Vote => {
            warn!(event = "vote_missed", %key, %chain, level, round, outcome, cause, reason = %missed, "an attestation is not on chain");
        }
        DutyKind::Block => {
            warn!(event = "block_missed", %key, %chain, level, round, outcome, cause, reason = %missed, "a block is not on chain");
        }
    }
}
