//! Checks that a level is near the head of its chain. Pure.

use crate::tezos::ChainId;
use crate::tezos::payload::NonNegative;
use std::time::{Duration, Instant};
use thiserror::Error;

/// The last response of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObservedHead {
    /// The chain that the node follows.
    pub chain: ChainId,
    /// The level of its head.
    pub level: NonNegative,
    /// When the response arrived.
    pub at: Instant,
}

/// The result of [`check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadCheck {
    /// The level is near the head.
    Near,
    /// The level is not near the head: the request is refused.
    NotNear(NotNear),
    /// The head is unknown.
    Unknown(HeadUnknown),
}

/// The request is not for a level near the head. *Refused.*
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotNear {
    /// Too far from the head.
    #[error("level {level} is not within {threshold} levels of the head of {chain}, which is at level {head}")]
    Level {
        /// The chain.
        chain: ChainId,
        /// The requested level.
        level: NonNegative,
        /// The level of the head.
        head: NonNegative,
        /// The maximum distance, in levels.
        threshold: u32,
    },
    /// All nodes follow other chains.
    #[error("the configured nodes follow {followed}, not {chain}")]
    Chain {
        /// The requested chain.
        chain: ChainId,
        /// A chain that the nodes follow.
        followed: ChainId,
    },
}

/// No node has reported a head of this chain recently. *Failed.*
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the head of {chain} is unknown: no configured node has reported it within {} s", max_age.as_secs_f64())]
pub struct HeadUnknown {
    /// The chain.
    pub chain: ChainId,
    /// The maximum age of a response.
    pub max_age: Duration,
}

/// Compares a level with the highest head of `chain` among the responses that are at most `max_age` old.
///
/// `nodes` has one entry per node, `None` for a node that has not answered yet. `threshold` is the maximum distance, in levels.
pub fn check(
    nodes: &[Option<ObservedHead>],
    now: Instant,
    max_age: Duration,
    chain: ChainId,
    level: NonNegative,
    threshold: u32,
) -> HeadCheck {
    let fresh: Vec<_> =
        nodes.iter().flatten().filter(|seen| now.saturating_duration_since(seen.at) <= max_age).collect();
    let head = fresh.iter().filter(|seen| seen.chain == chain).map(|seen| seen.level).max();
    match (head, fresh.first()) {
        (Some(head), _) if level.get().abs_diff(head.get()) <= threshold => HeadCheck::Near,
        (Some(head), _) => HeadCheck::NotNear(NotNear::Level { chain, level, head, threshold }),
        (None, Some(seen)) if fresh.len() == nodes.len() => {
            HeadCheck::NotNear(NotNear::Chain { chain, followed: seen.chain })
        }
        (None, _) => HeadCheck::Unknown(HeadUnknown { chain, max_age }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAINNET: ChainId = ChainId::from_bytes([0x7a, 0x06, 0xa7, 0x70]);
    const OTHER: ChainId = ChainId::from_bytes([1, 2, 3, 4]);
    const MAX_AGE: Duration = Duration::from_mins(1);

    fn level(level: i32) -> NonNegative {
        level.try_into().unwrap()
    }

    fn seen(chain: ChainId, at_level: i32, seconds_ago: u64, now: Instant) -> Option<ObservedHead> {
        let at = now.checked_sub(Duration::from_secs(seconds_ago))?;
        Some(ObservedHead { chain, level: level(at_level), at })
    }

    #[test]
    fn the_highest_recent_head_of_the_right_chain_counts() {
        let now = Instant::now() + Duration::from_secs(1000);
        let unknown = HeadCheck::Unknown(HeadUnknown { chain: MAINNET, max_age: MAX_AGE });
        let too_far = |requested, head| {
            HeadCheck::NotNear(NotNear::Level {
                chain: MAINNET,
                level: level(requested),
                head: level(head),
                threshold: 120,
            })
        };
        let cases: Vec<(&str, Vec<Option<ObservedHead>>, i32, HeadCheck)> = vec![
            ("at the head", vec![seen(MAINNET, 1000, 0, now)], 1000, HeadCheck::Near),
            ("120 above", vec![seen(MAINNET, 1000, 0, now)], 1120, HeadCheck::Near),
            ("121 above", vec![seen(MAINNET, 1000, 0, now)], 1121, too_far(1121, 1000)),
            ("120 below", vec![seen(MAINNET, 1000, 0, now)], 880, HeadCheck::Near),
            ("121 below", vec![seen(MAINNET, 1000, 0, now)], 879, too_far(879, 1000)),
            ("one node is stuck", vec![seen(MAINNET, 5, 0, now), seen(MAINNET, 1000, 9, now)], 1001, HeadCheck::Near),
            ("the highest level", vec![seen(MAINNET, 1000, 0, now)], i32::MAX, too_far(i32::MAX, 1000)),
            ("level 0", vec![seen(MAINNET, i32::MAX, 0, now)], 0, too_far(0, i32::MAX)),
            ("no node has answered", vec![None, None], 1000, unknown.clone()),
            ("the only answer is old", vec![seen(MAINNET, 1000, 61, now)], 1000, unknown.clone()),
            ("one of two is on another chain", vec![seen(OTHER, 1000, 0, now), None], 1000, unknown),
            (
                "all are on another chain",
                vec![seen(OTHER, 1000, 0, now), seen(OTHER, 1000, 0, now)],
                1000,
                HeadCheck::NotNear(NotNear::Chain { chain: MAINNET, followed: OTHER }),
            ),
        ];
        for (name, nodes, requested, expected) in cases {
            assert_eq!(check(&nodes, now, MAX_AGE, MAINNET, level(requested), 120), expected, "{name}");
        }
    }
}
