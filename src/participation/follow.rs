//! Judges the duties of each final block, in the background.

use super::branches::Branches;
use super::duty::{due, due_votes};
use super::node::{ChainSource, LEVELS_IN_QUERY};
use super::rights::Rights;
use super::{Answers, BlockOnChain, Cycle, Duty, DutyKind, Missed, Outcome, Participation, Signatures, judge};
use crate::answer::Cause;
use crate::chain::{NodeError, WatchSettings};
use crate::marks::{Mark, MarkId, StoreError};
use crate::tezos::payload::{NonNegative, Position};
use crate::tezos::{ChainId, PublicKeyHash};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};

/// What a signer did.
pub trait Records: Send + Sync {
    /// What this process answered.
    fn answers(&self) -> &Answers;

    /// Reads a mark; `None` if there is none.
    fn mark(&self, id: &MarkId) -> impl Future<Output = Result<Option<Mark>, StoreError>> + Send;
}

/// Between two readings of cycle and standings, and of rights after the nodes have refused them.
const REFRESH_INTERVAL: Duration = Duration::from_mins(5);

/// The nodes that know rights and standings, in the order of the settings. Sends no requests yet.
///
/// # Errors
/// If an HTTP client cannot be created.
pub fn sources(settings: &WatchSettings) -> Result<Vec<ChainSource>, reqwest::Error> {
    /// Reading rights takes a node longer than reading a head.
    const MIN_TIMEOUT: Duration = Duration::from_secs(5);
    settings.nodes.iter().map(|url| ChainSource::new(url, settings.timeout.max(MIN_TIMEOUT))).collect()
}

/// Judges the duties of each final block for the life of the process, as soon as `branches` gets it.
pub async fn follow(
    records: &impl Records,
    sources: &[ChainSource],
    branches: &Branches,
    state: &Participation,
) -> Infallible {
    let mut follower = Follower { records, sources, branches, state, progress: HashMap::new() };
    loop {
        let chains = branches.chains();
        follower.progress.retain(|chain, _| chains.contains(chain));
        for chain in chains {
            Box::pin(follower.catch_up(chain)).await;
        }
        branches.changed().await;
    }
}

struct Follower<'a, R> {
    records: &'a R,
    sources: &'a [ChainSource],
    branches: &'a Branches,
    state: &'a Participation,
    progress: HashMap<ChainId, Progress>,
}

/// What was read of a chain, except its blocks.
#[derive(Default)]
struct Progress {
    rights: Rights,
    /// The keys whose rights are known, and the levels from the first to before the last.
    known: Option<(Vec<PublicKeyHash>, u32, u32)>,
    /// When rights are requested again after a refusal.
    retry_at: Option<Instant>,
    cycle: Option<Cycle>,
    refreshed: Option<Instant>,
}

impl<R: Records> Follower<'_, R> {
    async fn catch_up(&mut self, chain: ChainId) {
        let nodes = self.branches.nodes_of(chain);
        let sources: Vec<_> = nodes.iter().filter_map(|node| self.sources.get(*node)).collect();
        let mut progress = self.progress.remove(&chain).unwrap_or_default();
        while let Some(block) = self.branches.next_final(chain) {
            let keys: Vec<_> = block.keys.iter().copied().collect();
            let with_rights = progress.learn_rights(&sources, block.level, &keys).await;
            progress.refresh(&sources, &keys, self.state).await;
            for duty in self.due(chain, &block, &progress.rights, with_rights) {
                let cycle = progress.cycle.map(|cycle| cycle.of(duty.level));
                self.judge(chain, &duty, cycle).await;
            }
            self.branches.judged(chain, block.level);
        }
        self.progress.insert(chain, progress);
    }

    /// The duties at a block. Without rights, only the votes that someone has requested, or that are on chain.
    fn due(&self, chain: ChainId, block: &BlockOnChain, rights: &Rights, are_known: bool) -> Vec<Duty> {
        if are_known {
            return due(block, rights);
        }
        let was_requested =
            |key: &&PublicKeyHash| self.records.answers().has_any(&mark_of(chain, **key, DutyKind::Vote), block.level);
        let requested = block.keys.iter().filter(was_requested).copied();
        due_votes(block, &requested.chain(block.attested_by.iter().copied()).collect())
    }

    async fn judge(&self, chain: ChainId, duty: &Duty, cycle: Option<u32>) {
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
        self.state.add(duty, cycle, outcome);
        if let Outcome::Missed(missed) = outcome {
            log_missed(chain, duty, missed);
        }
    }
}

impl Progress {
    /// Whether the rights at a level are known. Reads those of the next levels too, from the first node that returns them.
    async fn learn_rights(&mut self, sources: &[&ChainSource], level: NonNegative, keys: &[PublicKeyHash]) -> bool {
        let is_known =
            |known: &(Vec<PublicKeyHash>, u32, u32)| known.0 == keys && (known.1..known.2).contains(&level.get());
        if self.known.as_ref().is_some_and(is_known) {
            return true;
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return false;
        }
        for source in sources {
            match source.add_rights(&mut self.rights, level, keys).await {
                Ok(()) => {
                    self.known = Some((keys.to_vec(), level.get(), level.get() + LEVELS_IN_QUERY));
                    self.retry_at = None;
                    return true;
                }
                Err(error) if self.retry_at.is_none() => log_unknown_rights(source, &error),
                Err(_) => {}
            }
        }
        self.retry_at = Some(Instant::now() + REFRESH_INTERVAL);
        false
    }

    /// Reads cycle and standings now and then. What no node returns stays as it was.
    async fn refresh(&mut self, sources: &[&ChainSource], keys: &[PublicKeyHash], state: &Participation) {
        if self.refreshed.is_some_and(|at| at.elapsed() < REFRESH_INTERVAL) {
            return;
        }
        self.refreshed = Some(Instant::now());
        for source in sources {
            let Ok(cycle) = source.cycle().await else { continue };
            self.cycle = Some(cycle);
            let mut standings = BTreeMap::new();
            for key in keys {
                if let Ok(Some(standing)) = source.standing(&delegate_of(&self.rights, key)).await {
                    standings.insert(*key, standing);
                }
            }
            if !standings.is_empty() {
                state.set_standings(standings);
            }
            return;
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
