//! The head rule: a level must be near the head of its chain, or else the mark limits how far it may jump.

use super::NotSigned;
use crate::chain::{HeadCheck, HeadWatch};
use crate::tezos::ChainId;
use crate::tezos::payload::Consensus;
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;

/// How far from the head of its chain a level may be.
pub struct HeadRule {
    /// The nodes' heads; `None` if no node is configured.
    pub watch: Option<Arc<HeadWatch>>,
    /// What to do while no node reports a head.
    pub when_unknown: WhenHeadUnknown,
    /// How many levels above its mark a request may be while no head is known.
    pub jump_limit: u32,
}

/// What to do while no node reports the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenHeadUnknown {
    /// Fail every request for a block or a vote.
    #[default]
    Fail,
    /// Rely on the marks and the jump limit.
    Sign,
}

impl FromStr for WhenHeadUnknown {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        match text {
            "fail" => Ok(Self::Fail),
            "sign" => Ok(Self::Sign),
            _ => Err(UnknownAction(text.to_owned())),
        }
    }
}

/// A text that is not a [`WhenHeadUnknown`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is neither 'fail' nor 'sign'")]
pub struct UnknownAction(String);

/// Why a level is acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LevelCheck {
    /// The level is near the head that a node reports.
    NearHead,
    /// No head is known: the mark must still check that the level is at most this many levels above it.
    AgainstMark { jump_limit: u32 },
}

impl LevelCheck {
    /// The jump limit, if the mark must still check it.
    pub(super) const fn jump_limit(self) -> Option<u32> {
        match self {
            Self::NearHead => None,
            Self::AgainstMark { jump_limit } => Some(jump_limit),
        }
    }
}

impl HeadRule {
    /// Checks a level against the head.
    ///
    /// # Errors
    /// Refused, if the level is not near the head; failed, if no head is known and the rule is to fail then.
    pub(super) async fn check(&self, consensus: &Consensus) -> Result<LevelCheck, NotSigned> {
        let against_mark = LevelCheck::AgainstMark { jump_limit: self.jump_limit };
        let Some(watch) = &self.watch else { return Ok(against_mark) };
        watch.wait_for_first_answers().await;
        match watch.check(consensus.chain, consensus.position.level) {
            HeadCheck::Near => Ok(LevelCheck::NearHead),
            HeadCheck::NotNear(not_near) => Err(not_near.into()),
            HeadCheck::Unknown(unknown) => match self.when_unknown {
                WhenHeadUnknown::Fail => Err(unknown.into()),
                WhenHeadUnknown::Sign => Ok(against_mark),
            },
        }
    }

    /// Whether the nodes follow this chain, as last reported.
    pub(super) fn follows(&self, chain: ChainId) -> bool {
        self.watch.as_ref().and_then(|watch| watch.latest()).is_some_and(|head| head.chain == chain)
    }

    /// Whether a request for a block or a vote can pass the rule now.
    pub(super) fn is_ready(&self) -> bool {
        self.when_unknown == WhenHeadUnknown::Sign || self.watch.as_ref().is_none_or(|watch| watch.has_recent_head())
    }
}
