//! The stops of a key, in one item in the same partition as its marks. Pure.
//!
//! A stop is written here first and into the marks afterwards, and it is lifted from the marks first and here last. A process
//! that writes a mark reads this item before it releases a signature, unless the mark has the flag
//! [`stoppable`](super::Mark::stoppable): so either the stopping command finds the mark, or the process finds the stop.

use super::stop::{Stop, StopId};
use super::{AttemptId, Version, Written};
use crate::tezos::{ChainId, Digest, PublicKeyHash};

/// The stops of a key, on all chains.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyStops {
    /// The stops.
    pub stops: Vec<Stop>,
    /// The evidence of lifted stops, which never stops the key again: [`SeenOnChain::id`](super::SeenOnChain::id), the latest
    /// last.
    pub acknowledged: Vec<Digest>,
    /// Identifies the write.
    pub attempt: AttemptId,
    /// Who wrote it, and when. For auditors.
    pub written: Option<Written>,
}

/// The stops of a key as they were read, with their version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoredStops {
    /// The item.
    pub stops: KeyStops,
    /// Changes with every write.
    pub version: Version,
}

const SUFFIX: &str = ":stop";

/// The name of the item in the store: `<public key hash>:stop`.
pub fn stop_item_name(key: &PublicKeyHash) -> String {
    format!("{key}{SUFFIX}")
}

/// The key whose stop item has this name; `None` if it is the name of another item.
pub fn key_of_stop_item(name: &str) -> Option<PublicKeyHash> {
    name.strip_suffix(SUFFIX)?.parse().ok()
}

impl KeyStops {
    /// How much evidence is remembered as acknowledged. Older evidence lies below the marks, which a resume raises.
    pub const MAX_ACKNOWLEDGED: usize = 200;

    /// An item without stops.
    pub(super) const fn empty(attempt: AttemptId) -> Self {
        Self { stops: Vec::new(), acknowledged: Vec::new(), attempt, written: None }
    }

    /// The stops that cover the marks of a chain.
    pub fn covering(&self, chain: ChainId) -> impl Iterator<Item = &Stop> {
        self.stops.iter().filter(move |stop| stop.covers(chain))
    }

    /// Whether an operator has acknowledged this evidence.
    pub fn has_acknowledged(&self, evidence: &Digest) -> bool {
        self.acknowledged.contains(evidence)
    }

    /// Whether it has this stop.
    pub(super) fn has(&self, id: StopId) -> bool {
        self.stops.iter().any(|stop| stop.id == id)
    }

    /// Adds a stop, unless it is there or its evidence is acknowledged. Returns whether that changed anything.
    pub(super) fn add(&mut self, stop: &Stop) -> bool {
        let is_acknowledged = stop.evidence.as_ref().is_some_and(|evidence| self.has_acknowledged(&evidence.id));
        let is_missing = !self.has(stop.id) && !is_acknowledged;
        if is_missing {
            self.stops.push(stop.clone());
        }
        is_missing
    }

    /// Removes these stops, and acknowledges their evidence. Returns whether that changed anything.
    pub(super) fn lift(&mut self, ids: &[StopId]) -> bool {
        let (lifted, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.stops).into_iter().partition(|stop| ids.contains(&stop.id));
        self.stops = left;
        let is_changed = !lifted.is_empty();
        for evidence in lifted.into_iter().filter_map(|stop| stop.evidence) {
            if !self.has_acknowledged(&evidence.id) {
                self.acknowledged.push(evidence.id);
            }
        }
        let forgotten = self.acknowledged.len().saturating_sub(Self::MAX_ACKNOWLEDGED);
        self.acknowledged.drain(..forgotten);
        is_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::SeenOnChain;
    use crate::tezos::payload::{Kind, Position};

    fn stop(number: usize) -> Stop {
        let position = Position { level: 1.try_into().unwrap(), round: 0.try_into().unwrap() };
        let (id, chain) = (Digest::of(&number.to_be_bytes()), "NetXdQprcVkpaWU".parse().unwrap());
        let evidence = SeenOnChain { id, chain, kind: Kind::Attestation, position, source: String::new() };
        Stop::new("foreign", "one", time::OffsetDateTime::UNIX_EPOCH, None, Some(evidence)).unwrap()
    }

    #[test]
    fn the_latest_acknowledged_evidence_is_remembered() {
        let mut item = KeyStops::empty(AttemptId::random().unwrap());
        let stops: Vec<_> = (0..=KeyStops::MAX_ACKNOWLEDGED).map(stop).collect();
        for stop in &stops {
            assert!(item.add(stop) && !item.add(stop), "added once");
            assert!(item.lift(&[stop.id]) && !item.lift(&[stop.id]), "lifted once");
        }
        let again: Vec<_> = stops.iter().map(|stop| item.add(stop)).collect();
        assert!(
            again.first() == Some(&true) && !again.iter().skip(1).any(|added| *added),
            "only the first is forgotten"
        );
    }
}
