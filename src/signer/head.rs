use super::NotSigned;
use crate::chain::{HeadCheck, HeadWatch};
use crate::tezos::payload::Consensus;
use std::str::FromStr;

/// How far from the present a level may be.
pub struct HeadRule {
    /// The head as nodes tell it, if there are any.
    pub watch: Option<HeadWatch>,
    /// What to do when they do not.
    pub when_unknown: WhenHeadUnknown,
    /// How many levels above its mark a request may be where the head does not decide.
    pub jump_limit: u32,
}

/// What to do when no node tells the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenHeadUnknown {
    /// Release nothing.
    #[default]
    Fail,
    /// Go by the marks and the jump limit alone.
    Sign,
}

impl FromStr for WhenHeadUnknown {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "fail" => Ok(Self::Fail),
            "sign" => Ok(Self::Sign),
            _ => Err(()),
        }
    }
}

impl HeadRule {
    /// Checks a level against the head, and says which jump limit is left for the mark to check: none, if the head has
    /// decided.
    pub(super) async fn check(&self, consensus: &Consensus) -> Result<Option<u32>, NotSigned> {
        let Some(watch) = &self.watch else { return Ok(Some(self.jump_limit)) };
        watch.wait_for_first_answers().await;
        match watch.check(consensus.chain, consensus.position.level) {
            HeadCheck::Near => Ok(None),
            HeadCheck::NotNear(not_near) => Err(not_near.into()),
            HeadCheck::Unknown(unknown) => match self.when_unknown {
                WhenHeadUnknown::Fail => Err(unknown.into()),
                WhenHeadUnknown::Sign => Ok(Some(self.jump_limit)),
            },
        }
    }

    /// Whether levels can be checked now, or need not be.
    pub(super) fn is_ready(&self) -> bool {
        self.when_unknown == WhenHeadUnknown::Sign || self.watch.as_ref().is_none_or(HeadWatch::knows_a_head)
    }
}
