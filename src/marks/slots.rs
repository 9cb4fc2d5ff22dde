//! What one process remembers of all marks, and the locks between requests for the same mark.

use super::{MarkId, NotRecorded, Seen, TooManyChains};
use crate::tezos::payload::Kind;
use crate::tezos::{ChainId, PublicKeyHash};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What the process has seen of one mark. A request that may write the mark holds the lock.
pub(super) type Slot = tokio::sync::Mutex<Seen>;

/// How many unknown chains a key may have marks on. Chain ids are supplied by clients, and each permanently takes up a mark in
/// the store and a slot in memory.
const MAX_UNKNOWN_CHAINS: usize = 64;

/// What the process has seen of all marks.
///
/// This memory detects a store that has lost marks, so no client may make the process forget acknowledged marks: votes on
/// invented chains hit a limit, instead of evicting other chains.
#[derive(Default)]
pub(super) struct Slots {
    known_chains: Vec<ChainId>,
    of_keys: Mutex<HashMap<PublicKeyHash, HashMap<ChainId, OfChain>>>,
}

#[derive(Default)]
struct OfChain {
    blocks: Arc<Slot>,
    preattestations: Arc<Slot>,
    attestations: Arc<Slot>,
}

impl OfChain {
    const fn of_kind(&self, kind: Kind) -> &Arc<Slot> {
        match kind {
            Kind::Block => &self.blocks,
            Kind::Preattestation => &self.preattestations,
            Kind::Attestation => &self.attestations,
        }
    }

    /// Whether the store has acknowledged nothing in it, and no request uses it.
    fn is_unused(&self) -> bool {
        [&self.blocks, &self.preattestations, &self.attestations]
            .into_iter()
            .all(|slot| Arc::strong_count(slot) == 1 && slot.try_lock().is_ok_and(|seen| !seen.is_acknowledged()))
    }
}

impl Slots {
    /// `known_chains` do not count against the limit.
    pub(super) fn new(known_chains: Vec<ChainId>) -> Self {
        Self { known_chains, of_keys: Mutex::default() }
    }

    /// The slot of a mark, created if necessary.
    ///
    /// # Errors
    /// [`NotRecorded::TooManyChains`] if the key has reached its limit of unknown chains.
    pub(super) fn get(&self, id: &MarkId) -> Result<Arc<Slot>, NotRecorded> {
        let mut of_keys = self.of_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let chains = of_keys.entry(id.key).or_default();
        if !chains.contains_key(&id.chain) && !self.known_chains.contains(&id.chain) {
            let unknown = |chains: &HashMap<ChainId, OfChain>| {
                chains.keys().filter(|chain| !self.known_chains.contains(chain)).count()
            };
            if unknown(chains) >= MAX_UNKNOWN_CHAINS {
                chains.retain(|_, slots| !slots.is_unused());
            }
            if unknown(chains) >= MAX_UNKNOWN_CHAINS {
                return Err(NotRecorded::TooManyChains(TooManyChains { limit: MAX_UNKNOWN_CHAINS }));
            }
        }
        Ok(Arc::clone(chains.entry(id.chain).or_default().of_kind(id.kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::{AttemptId, Mark, Stored, Version};
    use crate::tezos::payload::Position;

    fn id(chain: u32) -> MarkId {
        let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
        MarkId { chain: ChainId::from_bytes(chain.to_be_bytes()), key, kind: Kind::Attestation }
    }

    fn acknowledge(slots: &Slots, chain: u32) {
        let position = Position { level: 1.try_into().unwrap(), round: 0.try_into().unwrap() };
        let attempt = AttemptId::random().unwrap();
        let mark = Mark::new(position, None, None, attempt, None);
        let slot = slots.get(&id(chain)).unwrap();
        slot.try_lock().unwrap().acknowledged(Stored { mark, version: Version(String::new()) });
    }

    #[test]
    fn invented_chains_cannot_evict_acknowledged_marks() {
        let slots = Slots::new(vec![id(u32::MAX).chain]);
        acknowledge(&slots, 0);
        let first = Arc::as_ptr(&slots.get(&id(0)).unwrap());
        for chain in 1..10_000 {
            drop(slots.get(&id(chain)).unwrap());
        }
        assert_eq!(Arc::as_ptr(&slots.get(&id(0)).unwrap()), first);

        for chain in 1..u32::try_from(MAX_UNKNOWN_CHAINS).unwrap() {
            acknowledge(&slots, chain);
        }
        assert!(matches!(slots.get(&id(20_000)), Err(NotRecorded::TooManyChains(_))));
        assert_eq!(Arc::as_ptr(&slots.get(&id(0)).unwrap()), first);
        acknowledge(&slots, u32::MAX);
    }

    #[test]
    fn a_chain_without_acknowledged_marks_makes_room_for_another_unless_it_is_in_use() {
        let slots = Slots::default();
        for chain in 1..u32::try_from(MAX_UNKNOWN_CHAINS).unwrap() {
            acknowledge(&slots, chain);
        }
        for chain in 1000..1010 {
            drop(slots.get(&id(chain)).unwrap());
        }
        let in_use = slots.get(&id(2000)).unwrap();
        assert!(matches!(slots.get(&id(3000)), Err(NotRecorded::TooManyChains(_))));
        assert!(Arc::ptr_eq(&in_use, &slots.get(&id(2000)).unwrap()));
    }
}
