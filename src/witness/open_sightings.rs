//! Sightings that have not been judged yet, and which have been. Pure.

use super::sighting::{Proof, Sighting};
use crate::tezos::Digest;
use std::collections::{HashMap, VecDeque};

/// What became of a sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It waits to be judged.
    Open(Alerted),
    /// Its alert was raised on the word of one node. Others may still confirm it.
    Unconfirmed,
    /// It needs no more attention.
    Settled,
}

/// Which alert was raised because of a sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alerted {
    /// None.
    No,
    /// That one node reports it.
    OneNode,
    /// That it is certain.
    Certain,
}

/// Sightings, each judged once, no matter how many nodes and blocks show it.
#[derive(Debug, Default)]
pub(super) struct OpenSightings {
    open: Vec<Sighting>,
    outcomes: HashMap<Digest, Outcome>,
    order: VecDeque<Digest>,
}

/// How many sightings are remembered: several hours of a key's votes and blocks. While the store cannot be read, those that are
/// older are not judged.
const MAX_SIGHTINGS: usize = 8192;

impl OpenSightings {
    /// Adds a sighting, unless it has been judged.
    pub(super) fn add(&mut self, sighting: Sighting) {
        let evidence = sighting.evidence();
        match self.outcomes.get(&evidence) {
            None => {
                self.order.push_back(evidence);
                if self.order.len() > MAX_SIGHTINGS
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.outcomes.remove(&oldest);
                    self.open.retain(|open| open.evidence() != oldest);
                }
                self.outcomes.insert(evidence, Outcome::Open(Alerted::No));
                self.open.push(sighting);
            }
            Some(Outcome::Unconfirmed) => {
                self.outcomes.insert(evidence, Outcome::Open(Alerted::OneNode));
                self.open.push(sighting);
            }
            // A signature settles what was only reported before.
            Some(Outcome::Open(_)) if sighting.proof == Proof::Signature => {
                if let Some(open) = self.open.iter_mut().find(|open| open.evidence() == evidence) {
                    *open = sighting;
                }
            }
            Some(Outcome::Open(_) | Outcome::Settled) => {}
        }
    }

    /// Takes all open sightings. Each must be [returned](Self::put_back) or get an [outcome](Self::set).
    pub(super) fn take(&mut self) -> Vec<Sighting> {
        std::mem::take(&mut self.open)
    }

    /// Returns a sighting that could not be judged yet.
    pub(super) fn put_back(&mut self, sighting: Sighting) {
        if self.outcomes.contains_key(&sighting.evidence()) {
            self.open.push(sighting);
        }
    }

    pub(super) fn set(&mut self, evidence: Digest, outcome: Outcome) {
        if let Some(stored) = self.outcomes.get_mut(&evidence) {
            *stored = outcome;
        }
    }

    /// Whether this alert of an open sighting is still to be raised. From now on, it counts as raised.
    pub(super) fn begin_alert(&mut self, evidence: &Digest, alert: Alerted) -> bool {
        match self.outcomes.get_mut(evidence) {
            Some(Outcome::Open(raised)) if *raised < alert => {
                *raised = alert;
                true
            }
            _ => false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::MarkId;
    use crate::tezos::payload::{Kind, Position};
    use crate::tezos::{ChainId, OperationHash};
    use crate::witness::Source;

    fn sighting(level: u32, proof: Proof) -> Sighting {
        let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
        Sighting {
            id: MarkId { chain: ChainId::MAINNET, key, kind: Kind::Attestation },
            position: Position { level: level.try_into().unwrap(), round: 0.try_into().unwrap() },
            digest: Digest::of(b"vote"),
            signature: None,
            source: Source::Operation(OperationHash::from_bytes([1; 32])),
            proof,
        }
    }

    #[test]
    fn a_sighting_is_judged_once_unless_it_was_only_reported_by_one_node() {
        for (outcome, is_judged_again) in [(Outcome::Settled, false), (Outcome::Unconfirmed, true)] {
            let mut open = OpenSightings::default();
            let seen = sighting(1000, Proof::Report);
            open.add(seen.clone());
            open.add(seen.clone());
            assert_eq!(open.take(), std::slice::from_ref(&seen));
            open.set(seen.evidence(), outcome);
            open.add(seen.clone());
            assert_eq!(open.take().len(), usize::from(is_judged_again), "{outcome:?}");
        }
    }

    #[test]
    fn a_signature_takes_the_place_of_a_report() {
        let mut open = OpenSightings::default();
        open.add(sighting(1000, Proof::Report));
        open.add(sighting(1000, Proof::Signature));
        open.add(sighting(1000, Proof::Report));
        assert_eq!(open.take(), [sighting(1000, Proof::Signature)]);
    }

    #[test]
    fn an_alert_is_raised_once_and_again_when_it_is_certain() {
        let mut open = OpenSightings::default();
        let seen = sighting(1000, Proof::Report);
        let evidence = seen.evidence();
        open.add(seen.clone());
        let raised = [Alerted::OneNode, Alerted::OneNode, Alerted::Certain, Alerted::OneNode, Alerted::Certain]
            .map(|alert| open.begin_alert(&evidence, alert));
        assert_eq!(raised, [true, false, true, false, false]);
        open.set(evidence, Outcome::Settled);
        assert!(!open.begin_alert(&evidence, Alerted::Certain));
    }

    #[test]
    fn only_so_many_sightings_are_remembered() {
        let mut open = OpenSightings::default();
        let count = u32::try_from(MAX_SIGHTINGS).unwrap() + 1;
        (0..count).for_each(|level| open.add(sighting(level, Proof::Report)));
        assert_eq!(
            (open.outcomes.len(), open.order.len(), open.take().len()),
            (MAX_SIGHTINGS, MAX_SIGHTINGS, MAX_SIGHTINGS)
        );
        open.put_back(sighting(0, Proof::Report));
        assert!(open.is_empty(), "forgotten");
    }
}
