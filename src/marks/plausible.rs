//! Whether a level that an operator raises a mark to can be right. Pure.
//!
//! A mark cannot be lowered again, so a level with a digit too many silences a key for good.

use crate::tezos::ChainId;
use crate::tezos::payload::{NonNegative, Position};
use thiserror::Error;

/// What is known of the present of a chain, and of a key there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// The chain.
    pub chain: ChainId,
    /// The highest level that it can have reached by now, if it is a known one
    /// ([`checkpoints`](crate::chain::checkpoints)).
    pub max_level: Option<NonNegative>,
    /// The highest head that a node has told.
    pub head: Option<NonNegative>,
    /// `HEAD_THRESHOLD`: how many levels above the head are believed.
    pub head_threshold: u32,
    /// The key's highest mark on the chain, of whichever kind.
    pub highest: Option<Position>,
    /// `MAX_LEVEL_JUMP`: how many levels above the key's highest mark are believed, where no node tells the head.
    pub max_jump: u32,
}

/// Why a level is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Implausible {
    /// The chain cannot be there yet.
    #[error(
        "level {level} cannot be right: {chain} can have reached level {max} by now at most, by this machine's clock"
    )]
    BeyondClock {
        /// The level.
        level: NonNegative,
        /// The chain.
        chain: ChainId,
        /// The highest level that is possible.
        max: NonNegative,
    },
    /// The chain is not there yet.
    #[error("level {level} is more than {threshold} levels (HEAD_THRESHOLD) above the head of {chain}, level {head}")]
    BeyondHead {
        /// The level.
        level: NonNegative,
        /// The chain.
        chain: ChainId,
        /// The level of its head.
        head: NonNegative,
        /// How far above is believed.
        threshold: u32,
    },
    /// Far above all that the key has signed, and no node says that the chain is there.
    #[error(
        "level {level} is more than {limit} levels (MAX_LEVEL_JUMP) above the key's highest mark on {chain}, {mark}, and no \
         node (NODE_URLS) says that the chain is there"
    )]
    FarAboveMarks {
        /// The level.
        level: NonNegative,
        /// The chain.
        chain: ChainId,
        /// The key's highest mark.
        mark: Position,
        /// How far above is believed.
        limit: u32,
    },
    /// The largest level that there is.
    #[error("level {level} is the largest there is: nothing would ever be signed again")]
    Largest {
        /// The level.
        level: NonNegative,
    },
}

impl Evidence {
    /// All that speaks against a level; nothing, if it is plausible.
    pub fn against(&self, level: NonNegative) -> Vec<Implausible> {
        let Self { chain, head_threshold: threshold, max_jump: limit, .. } = *self;
        let above = |base: NonNegative, by: u32| level.get() > base.get().saturating_add(by);
        let mut found = Vec::new();
        if let Some(max) = self.max_level.filter(|max| level > *max) {
            found.push(Implausible::BeyondClock { level, chain, max });
        }
        match (self.head, self.highest) {
            (Some(head), _) if above(head, threshold) => {
                found.push(Implausible::BeyondHead { level, chain, head, threshold });
            }
            (None, Some(mark)) if above(mark.level, limit) => {
                found.push(Implausible::FarAboveMarks { level, chain, mark, limit });
            }
            _ => {}
        }
        if found.is_empty() && level == NonNegative::MAX {
            found.push(Implausible::Largest { level });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(level: u32) -> NonNegative {
        level.try_into().unwrap()
    }

    #[test]
    fn a_level_is_believed_as_far_as_the_clock_the_nodes_and_the_marks_go() {
        const MAX: u32 = NonNegative::MAX.get();
        let chain = ChainId::from_bytes([1, 2, 3, 4]);
        for (name, max_level, head, highest, asked, expected) in [
            ("nothing is known", None, None, None, 1_000_000_000, &[][..]),
            ("the largest of an unknown chain", None, None, None, MAX, &["largest"]),
            ("at the bound", Some(5000), None, None, 5000, &[]),
            ("above the bound", Some(5000), None, None, 5001, &["clock"]),
            ("at the head's end", Some(5000), Some(1000), None, 1120, &[]),
            ("above the head's end", Some(5000), Some(1000), None, 1121, &["head"]),
            ("at the jump", None, None, Some(1000), 2000, &[]),
            ("above the jump", None, None, Some(1000), 2001, &["marks"]),
            ("a node explains the jump", None, Some(9000), Some(1000), 9000, &[]),
            ("above all", Some(5000), Some(1000), Some(1000), 6000, &["clock", "head"]),
            ("the largest is above all", Some(5000), None, Some(1000), MAX, &["clock", "marks"]),
            ("nothing overflows", Some(MAX), Some(MAX), Some(MAX), MAX, &["largest"]),
        ] {
            let evidence = Evidence {
                chain,
                max_level: max_level.map(level),
                head: head.map(level),
                head_threshold: 120,
                highest: highest.map(|at| Position { level: level(at), round: NonNegative::ZERO }),
                max_jump: 1000,
            };
            let found: Vec<_> = evidence
                .against(level(asked))
                .iter()
                .map(|why| match why {
                    Implausible::BeyondClock { .. } => "clock",
                    Implausible::BeyondHead { .. } => "head",
                    Implausible::FarAboveMarks { .. } => "marks",
                    Implausible::Largest { .. } => "largest",
                })
                .collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
