//! Outcomes, counted by key, cycle and kind. Pure.

use super::{Duty, DutyKind, Outcome};
use crate::tezos::PublicKeyHash;
use std::collections::BTreeMap;

/// Cycles that are kept: this one and the last.
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

/// Outcomes by key and kind, in each cycle and in all.
#[derive(Debug, Default)]
pub struct Tally {
    by_cycle: BTreeMap<u32, BTreeMap<(PublicKeyHash, DutyKind), Counts>>,
    totals: BTreeMap<(PublicKeyHash, DutyKind), Counts>,
}

impl Tally {
    /// Counts the outcome of a duty in a cycle, if that is known.
    pub fn add(&mut self, duty: &Duty, cycle: Option<u32>, outcome: Outcome) {
        let of = (duty.key, duty.kind);
        let is_new = !self.totals.contains_key(&of);
        if is_new && self.totals.len() >= MAX_KEYS * DutyKind::ALL.len() {
            return;
        }
        self.totals.entry(of).or_default().add(outcome);
        let Some(cycle) = cycle else { return };
        self.by_cycle.entry(cycle).or_default().entry(of).or_default().add(outcome);
        while self.by_cycle.len() > MAX_CYCLES {
            self.by_cycle.pop_first();
        }
    }

    /// The counts of each cycle that is kept, by key and kind.
    pub const fn cycles(&self) -> &BTreeMap<u32, BTreeMap<(PublicKeyHash, DutyKind), Counts>> {
        &self.by_cycle
    }

    /// The counts of all cycles, by key and kind.
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
            tally.add(&vote, Some(cycle), Outcome::Missed(Missed::NotRequested));
        }
        tally.add(&vote, Some(3), Outcome::Included);
        tally.add(&vote, None, Outcome::Included);
        let counts = |counts: &Counts| (counts.of("not_requested"), counts.of("included"));
        let votes = (key, DutyKind::Vote);
        let of_cycles: Vec<_> = tally.cycles().iter().map(|(cycle, of)| (*cycle, counts(&of[&votes]))).collect();
        assert_eq!(of_cycles, [(2, (1, 0)), (3, (1, 1))]);
        assert_eq!(counts(&tally.totals()[&votes]), (4, 2));
    }
}
