//! How a delegate stands in the current cycle, as the protocol counts it: `context/delegates/<delegate>/participation`
//! (`delegate_services.ml` of protocol 025).

use serde::{Deserialize, Serialize};

/// Slots of attestations, in the current cycle. A delegate that misses more than a third gets no reward for attesting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Slots that the delegate is expected to attest, by its stake.
    pub expected_cycle_activity: u64,
    /// Slots that it must attest to be rewarded: two thirds.
    pub minimal_cycle_activity: u64,
    /// Slots that it has missed.
    pub missed_slots: u64,
    /// Levels at which it has missed its attestation.
    pub missed_levels: u64,
    /// Slots that it may still miss.
    pub remaining_allowed_missed_slots: u64,
}

impl Standing {
    /// Whether the reward of the cycle is lost already.
    pub const fn is_lost(&self) -> bool {
        self.missed_slots > self.expected_cycle_activity.saturating_sub(self.minimal_cycle_activity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_third_of_missed_slots_costs_the_reward() {
        let json = |missed, remaining| {
            format!(
                r#"{{"expected_cycle_activity": 900, "minimal_cycle_activity": 600, "missed_slots": {missed},
                    "missed_levels": 2, "remaining_allowed_missed_slots": {remaining}, "expected_attesting_rewards": "7"}}"#
            )
        };
        for (missed, remaining, is_lost) in [(0, 300, false), (300, 0, false), (301, 0, true)] {
            let standing: Standing = serde_json::from_str(&json(missed, remaining)).unwrap();
            assert_eq!(standing.is_lost(), is_lost, "{standing:?}");
        }
    }
}
