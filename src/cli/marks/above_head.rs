//! The level that marks are raised to, above everything that may have been signed elsewhere.

use super::super::CommandError;
use super::cover::name_of;
use super::note;
use azurehsm_signer::chain::{NodeHead, highest_head};
use azurehsm_signer::tezos::ChainId;
use azurehsm_signer::tezos::payload::{NonNegative, Position};
use std::collections::BTreeSet;
use time::{Duration, OffsetDateTime};

/// A baker may be some levels ahead of a node.
const ABOVE_HEAD: u32 = 10;

/// The head of a synchronized node is seconds old. Since then, the chain can have advanced by seven levels if it makes one every four
/// seconds, as test networks do; with the level that is being made, this is below [`ABOVE_HEAD`].
const MAX_HEAD_AGE: Duration = Duration::seconds(30);

/// A chain, and the level that the marks on it are raised to.
pub(super) struct Target {
    /// The chain.
    pub(super) chain: ChainId,
    /// The level of its head.
    pub(super) head: NonNegative,
    /// The level to raise to: 10 above the head.
    pub(super) level: NonNegative,
}

impl Target {
    /// By the level that an operator has given, or else by the highest head of the nodes.
    pub(super) fn new(chain: ChainId, level: Option<NonNegative>, heads: &[NodeHead]) -> Result<Self, CommandError> {
        let head = level.or_else(|| highest_head(heads, chain));
        let head = head
            .ok_or_else(|| format!("no node has reported a head of {}: give its level with --level", name_of(chain)))?;
        let level = head.get().checked_add(ABOVE_HEAD).and_then(|level| NonNegative::try_from(level).ok());
        let level = level.ok_or_else(|| format!("level {head} is too high"))?;
        Ok(Self { chain, head, level })
    }

    /// All rounds of the level.
    pub(super) const fn position(&self) -> Position {
        Position { level: self.level, round: NonNegative::MAX }
    }
}

/// The chains that the nodes follow.
pub(super) fn chains_of(heads: &[NodeHead]) -> BTreeSet<ChainId> {
    heads.iter().filter_map(|node| node.head.as_ref().ok()).map(|(chain, _)| *chain).collect()
}

/// A node that is still synchronizing reports a head below what was signed.
pub(super) fn refuse_old_heads(targets: &[Target], heads: &[NodeHead], force: bool) -> Result<(), CommandError> {
    let now = OffsetDateTime::now_utc();
    for target in targets {
        let is_target = |node: &&NodeHead| node.head.as_ref().is_ok_and(|head| *head == (target.chain, target.head));
        let Some(made) = heads.iter().filter(is_target).filter_map(|node| node.time).max() else { continue };
        if now - made <= MAX_HEAD_AGE {
            continue;
        }
        let old = format!(
            "the head of {}, level {}, is {} s old: the node may not be synchronized, and more may have been signed",
            name_of(target.chain),
            target.head,
            (now - made).whole_seconds()
        );
        if !force {
            let advice = "Repeat the command when it has a new one, give the right level with --level, or add --force";
            return Err(format!("nothing was raised: {old}. {advice}").into());
        }
        note(&format!("forced: {old}"));
    }
    Ok(())
}
