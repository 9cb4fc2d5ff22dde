//! Looks back at the last final blocks, and ahead at the next rights, for a command. Reads everything itself.

use super::branch::{Branch, MAX_LINKS};
use super::duty::{due, due_votes};
use super::follow::{delegate_of, mark_of};
use super::node::{ChainSource, LEVELS_IN_QUERY};
use super::rights::Rights;
use super::{Answers, BlockOnChain, Duty, DutyKind, Missed, Outcome, Signatures, Standing, Tally, judge};
use crate::chain::blocks::ReadError;
use crate::chain::{NodeUrl, WatchSettings};
use crate::marks::{Mark, MarkId};
use crate::tezos::payload::{NonNegative, Position};
use crate::tezos::{ChainId, PublicKeyHash};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What became of the duties of all keys.
#[derive(Debug)]
pub struct Review {
    /// The node that was read.
    pub node: NodeUrl,
    /// Its chain.
    pub chain: ChainId,
    /// The level of its head.
    pub head: NonNegative,
    /// The current cycle; `None` if the node does not report it.
    pub cycle: Option<u32>,
    /// The first and the last level that was looked at; `None` if none is final.
    pub levels: Option<(NonNegative, NonNegative)>,
    /// Why the rights of the keys are unknown, if they are. Then only votes on chain are known.
    pub rights: Result<(), String>,
    /// The keys.
    pub keys: Vec<KeyReview>,
}

/// What became of the duties of one key.
#[derive(Debug)]
pub struct KeyReview {
    /// The key.
    pub key: PublicKeyHash,
    /// The delegate that it signs for; `None` if that is unknown.
    pub delegate: Option<PublicKeyHash>,
    /// The outcomes of its votes and blocks.
    pub tally: Tally,
    /// The duties that are not on chain.
    pub missed: Vec<(Duty, Missed)>,
    /// How the delegate stands in the current cycle; `None` if the node does not report it, or the delegate has no rights in this cycle.
    pub standing: Option<Standing>,
    /// What comes next.
    pub next: NextRights,
}

/// The next rights of a key, within the levels that were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NextRights {
    /// The level of the next vote.
    pub vote: Option<NonNegative>,
    /// Level and round of the next block.
    pub block: Option<(NonNegative, NonNegative)>,
}

/// Blocks that are read at a time.
const MAX_IN_FLIGHT: usize = 4;

/// Levels ahead of which rights are read.
const LEVELS_AHEAD: u32 = 64;

/// Reviews the duties of these keys at the last `levels` final levels, at most 64, with the first node that answers. `answers` are
/// refusals and failures, as far as they are known; `mark` reads the mark of a key, or returns why it cannot.
///
/// # Errors
/// Each node's error.
pub async fn review(
    settings: &WatchSettings,
    keys: &[PublicKeyHash],
    levels: usize,
    answers: &Answers,
    mark: impl AsyncFn(&MarkId) -> Result<Option<Mark>, String>,
) -> Result<Review, Vec<(NodeUrl, String)>> {
    /// Reading rights takes a node longer than reading a head.
    const MIN_TIMEOUT: Duration = Duration::from_secs(10);
    let mut errors = Vec::new();
    for url in &settings.nodes {
        let source = match ChainSource::new(url, settings.timeout.max(MIN_TIMEOUT)) {
            Ok(source) => source,
            Err(error) => {
                errors.push((url.clone(), error.to_string()));
                continue;
            }
        };
        match Box::pin(review_with(&source, keys, levels, answers, &mark)).await {
            Ok(review) => return Ok(review),
            Err(error) => errors.push((url.clone(), error.to_string())),
        }
    }
    Err(errors)
}

async fn review_with(
    source: &ChainSource,
    keys: &[PublicKeyHash],
    levels: usize,
    answers: &Answers,
    mark: &impl AsyncFn(&MarkId) -> Result<Option<Mark>, String>,
) -> Result<Review, ReadError> {
    let chain = source.chain().await?;
    // A block needs a successor, which needs two confirmations.
    let headers = source.headers(chain, (levels + 3).min(MAX_LINKS)).await?;
    let wanted = Arc::new(keys.iter().copied().collect());
    let mut links = stream::iter(&headers).map(|header| source.link(header, &wanted)).buffered(MAX_IN_FLIGHT);
    let mut branch = Branch::default();
    let newest = headers.first().map(|header| header.hash);
    while let Some(link) = links.try_next().await? {
        let head = newest.unwrap_or(link.hash);
        branch.add(link, head);
    }
    let blocks = branch.finals();
    let head = branch.head().unwrap_or(NonNegative::ZERO);
    let mut rights = Rights::default();
    let first = blocks.first().map_or(head, |block| block.level);
    let result = read_rights(source, &mut rights, first, head, keys).await;
    let duties = duties(&blocks, &rights, result.is_ok());
    let cycle = source.cycle().await.ok();

    let mut marks = HashMap::new();
    for id in keys.iter().flat_map(|key| DutyKind::ALL.map(|kind| mark_of(chain, *key, kind))) {
        marks.insert(id, mark(&id).await.ok());
    }
    let mut reviews = Vec::new();
    for key in keys {
        let mut of_key = KeyReview {
            key: *key,
            delegate: rights.delegates().get(key).copied(),
            tally: Tally::default(),
            missed: Vec::new(),
            standing: None,
            next: next_rights(&rights, key, head),
        };
        for duty in duties.iter().filter(|duty| duty.key == *key) {
            let id = mark_of(chain, *key, duty.kind);
            let signed = marks.get(&id).and_then(Option::as_ref);
            let signed = signed.map(|mark| Signatures::at(mark.as_ref(), duty.level)).unwrap_or_default();
            let position = Position { level: duty.level, round: duty.round };
            let outcome = judge(duty, &signed, answers.at(&id, position));
            of_key.tally.add(duty, cycle.map(|cycle| cycle.of(duty.level)), outcome);
            if let Outcome::Missed(missed) = outcome {
                of_key.missed.push((*duty, missed));
            }
        }
        of_key.standing = source.standing(&delegate_of(&rights, key)).await.unwrap_or_default();
        reviews.push(of_key);
    }
    Ok(Review {
        node: source.url().clone(),
        chain,
        head,
        cycle: cycle.map(|cycle| cycle.number()),
        levels: blocks.first().zip(blocks.last()).map(|(first, last)| (first.level, last.level)),
        rights: result,
        keys: reviews,
    })
}

async fn read_rights(
    source: &ChainSource,
    rights: &mut Rights,
    first: NonNegative,
    head: NonNegative,
    keys: &[PublicKeyHash],
) -> Result<(), String> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut level = first;
    while level.get() <= head.get().saturating_add(LEVELS_AHEAD) {
        source.add_rights(rights, level, keys).await.map_err(|error| error.to_string())?;
        level =
            NonNegative::try_from(level.get().saturating_add(LEVELS_IN_QUERY)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The duties at all blocks. Without rights, only the votes on chain are known.
fn duties(blocks: &[BlockOnChain], rights: &Rights, are_known: bool) -> Vec<Duty> {
    let at = |block: &BlockOnChain| {
        if are_known { due(block, rights) } else { due_votes(block, &block.attested_by) }
    };
    blocks.iter().flat_map(at).collect()
}

fn next_rights(rights: &Rights, key: &PublicKeyHash, head: NonNegative) -> NextRights {
    // The attestations of the head are still to come.
    let next = NonNegative::try_from(head.get().saturating_add(1)).unwrap_or(head);
    NextRights { vote: rights.next_vote(key, next), block: rights.next_block(key, next) }
}
