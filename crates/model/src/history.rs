use crate::hashed::Hashed;
use azurehsm_signer::tezos::{Digest, Signature};

/// What everybody could see of a run: what the store accepted, and what left. The properties are about this.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct History {
    slots: Vec<Hashed<Slot>>,
    pub(crate) wrongs: Wrongs,
}

/// Kind, level and round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Slot {
    /// What the store accepted here: one thing, unless it has lost something meanwhile.
    recorded: Vec<Digest>,
    /// What first left.
    released: Option<(Digest, Signature)>,
}

/// What must never happen, and has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "each is one property")]
pub(crate) struct Wrongs {
    pub(crate) two_digests: bool,
    pub(crate) two_signatures: bool,
    pub(crate) mark_fell: bool,
    pub(crate) not_recorded: bool,
    pub(crate) repeat_refused: bool,
    pub(crate) refused_without_reason: bool,
    pub(crate) failed_without_fault: bool,
}

impl History {
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots: vec![Hashed::default(); slots], wrongs: Wrongs::default() }
    }

    /// The store has accepted a mark here. Another one counts only if it has lost what it accepted before.
    pub(crate) fn record(&mut self, slot: usize, digest: Digest, has_risen: bool, has_lost: bool) {
        self.slots[slot].update(|slot| {
            if slot.recorded.is_empty() || has_lost && !slot.recorded.contains(&digest) {
                slot.recorded.push(digest);
            }
        });
        self.wrongs.mark_fell |= !has_risen;
    }

    /// A signature has left.
    pub(crate) fn release(&mut self, slot: usize, is_block: bool, digest: Digest, signature: Signature) {
        let slot = &mut self.slots[slot];
        let (first, first_signature) = slot.update(|slot| *slot.released.get_or_insert((digest, signature)));
        self.wrongs.two_digests |= first != digest;
        self.wrongs.two_signatures |= is_block && first_signature != signature;
        self.wrongs.not_recorded |= !slot.recorded.contains(&digest);
    }

    /// Whether the store has ever accepted just this.
    pub(crate) fn has_recorded(&self, slot: usize, digest: Digest) -> bool {
        self.slots[slot].recorded.contains(&digest)
    }

    pub(crate) fn has_released(&self, slot: usize, digest: Digest) -> bool {
        self.slots[slot].released.is_some_and(|(released, _)| released == digest)
    }

    pub(crate) fn is_all_released(&self) -> bool {
        self.slots.iter().all(|slot| slot.released.is_some())
    }
}
