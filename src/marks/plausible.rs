//! Whether the level that an operator raises a mark to is plausible. Pure.
//!
//! A mark cannot be lowered again, so a level with an extra digit disables a key for good.

use crate::tezos::ChainId;
use crate::tezos::payload::{NonNegative, Position};
use thiserror::Error;

/// What is known about the current level of a chain, and about a key on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// The chain whose level is judged.
    pub chain: ChainId,
    /// The highest level that the chain can have reached by now, if it is a known one
    /// ([`checkpoints`](crate::chain::checkpoints)).
    pub max_level: Option<NonNegative>,
    /// The highest head that a node has reported.
    pub head: Option<NonNegative>,
    /// `HEAD_THRESHOLD`: how many levels above the head are plausible.
    pub head_threshold: u32,
    /// The key's highest mark on the chain, of any kind.
    pub highest: Option<Position>,
    /// `MAX_LEVEL_JUMP`: how many levels above the key's highest mark are plausible, if no node has reported the head.
    pub max_jump: u32,
}

/// Why a level is implausible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Implausible {
    /// By this machine's clock, the chain cannot have reached the level yet.
    #[error("level {level} cannot be right: by this machine's clock, {chain} is at level {max} at most")]
    BeyondClock {
        /// The level to raise to.
        level: NonNegative,
        /// The chain it is for.
        chain: ChainId,
        /// The highest possible level.
        max: NonNegative,
    },
    /// The level is far above the head of the chain.
    #[error("level {level} is more than {threshold} levels (HEAD_THRESHOLD) above the head of {chain}, level {head}")]
    BeyondHead {
        /// The level to raise to.
        level: NonNegative,
        /// The chain it is for.
        chain: ChainId,
        /// The level of the chain's head.
        head: NonNegative,
        /// The plausible distance in levels.
        threshold: u32,
    },
    /// The level is far above the key's marks, and no node confirms it.
    #[error(
        "level {level} is more than {limit} levels (MAX_LEVEL_JUMP) above the key's highest mark on {chain}, {mark}, and no \
         node (NODE_URLS) confirms it"
    )]
    FarAboveMarks {
        /// The level to raise to.
        level: NonNegative,
        /// The chain it is for.
        chain: ChainId,
        /// The key's highest mark.
        mark: Position,
        /// The plausible distance in levels.
        limit: u32,
    },
    /// The highest possible level.
    #[error("level {level} is the highest possible one: nothing would ever be signed again")]
    Largest {
        /// The level to raise to.
        level: NonNegative,
    },
}

impl Evidence {
    /// All objections to a level; empty if it is plausible.
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
    fn a_level_is_checked_against_the_clock_the_nodes_and_the_marks() {
        const MAX: u32 = NonNegative::MAX.get();
        let chain = ChainId::from_bytes([1, 2, 3, 4]);
        for (name, max_level, head, highest, requested, expected) in [
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
                .against(level(requested))
                .iter()
                .map(|reason| match reason {
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
