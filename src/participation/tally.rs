//! Outcomes, counted by key, cycle and kind. Pure.

use super::{Duty, DutyKind, Outcome};
use crate::tezos::PublicKeyHash;
use std::collections::BTreeMap;

/// Cycles that are kept of each key: this one and the last.
const MAX_CYCLES: usize = 2;

/// Keys that are counted. Only keys of the vault are, so this is a bound on memory.
const MAX_KEYS: usize = 256;

/// How often each outcome occurred.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    /// Counts one outcome.
    pub fn add(&mut self, outcome: Outcome) {
        *self.0.entry(outcome.name()).or_default() += 1;
    }

    /// How often an outcome with this label occurred.
    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }
}

/// Outcomes since the start of the process.
#[derive(Debug, Default)]
pub struct Tally {
    by_cycle: BTreeMap<PublicKeyHash, BTreeMap<u32, BTreeMap<DutyKind, Counts>>>,
    totals: BTreeMap<(PublicKeyHash, DutyKind), Counts>,
}

impl Tally {
    /// Counts the outcome of a duty in a cycle.
    pub fn add(&mut self, duty: &Duty, cycle: u32, outcome: Outcome) {
        if self.by_cycle.len() >= MAX_KEYS && !self.by_cycle.contains_key(&duty.key) {
            return;
        }
        self.totals.entry((duty.key, duty.kind)).or_default().add(outcome);
        let cycles = self.by_cycle.entry(duty.key).or_default();
        cycles.entry(cycle).or_default().entry(duty.kind).or_default().add(outcome);
        while cycles.len() > MAX_CYCLES {
            cycles.pop_first();
        }
    }

    /// The counts of a key's duties of a kind in a cycle.
    pub fn of(&self, key: &PublicKeyHash, cycle: u32, kind: DutyKind) -> Counts {
        let of_cycle = self.by_cycle.get(key).and_then(|cycles| cycles.get(&cycle));
        of_cycle.and_then(|kinds| kinds.get(&kind)).cloned().unwrap_or_default()
    }

    /// The counts since the start, by key and kind.
    pub const fn totals(&self) -> &BTreeMap<(PublicKeyHash, DutyKind), Counts> {
        &self.totals
    }
}

#[cfg(test)]
mod tests {
    use super::super::Missed;
    use super::*;
    use crate::tezos::{Curve, SecretKey};

    #[test]
    fn outcomes_are_counted_by_cycle_and_old_cycles_are_dropped() {
        let key = SecretKey::generate(Curve::P256).unwrap().public_key().hash();
        let (level, round) = (7.try_into().unwrap(), 0.try_into().unwrap());
        let vote = Duty { key, kind: DutyKind::Vote, level, round, is_on_chain: false };
        let mut tally = Tally::default();
        for cycle in [1, 1, 2, 3] {
            tally.add(&vote, cycle, Outcome::Missed(Missed::NotRequested));
        }
        tally.add(&vote, 3, Outcome::Included);
        let missed = |cycle| tally.of(&key, cycle, DutyKind::Vote).of("not_requested");
        assert_eq!([1, 2, 3].map(missed), [0, 1, 1]);
        assert_eq!(tally.of(&key, 3, DutyKind::Block), Counts::default());
        let total = &tally.totals()[&(key, DutyKind::Vote)];
        assert_eq!((total.of("not_requested"), total.of("included")), (4, 1));
    }
}
