//! What an observer of a run can see, which the properties are about.

use crate::hashed::Hashed;
use azurehsm_signer::tezos::payload::Position;
use azurehsm_signer::tezos::{Digest, Signature};

/// Name of the property that no slot has signatures of two digests.
pub(crate) const ONE_DIGEST: &str = "one digest a slot";
/// Name of the property that no block has two signatures.
pub(crate) const ONE_SIGNATURE: &str = "one signature a block";

/// The observable history of a run: accepted marks and released signatures. The properties are about this.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct History {
    slots: Vec<Hashed<Slot>>,
    pub(crate) violations: Violations,
    /// What was promised when a stop was complete, as long as no resume has begun.
    stopped: Option<Box<StopPromise>>,
}

/// What a complete stop promises.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct StopPromise {
    /// The true position of each mark, as exported to another signer.
    exported: Vec<Option<Position>>,
    /// The slots for which the store has accepted a mark since.
    late: Vec<usize>,
}

/// A slot: kind, level and round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Slot {
    /// Digests that the store accepted: at most one, unless the store has lost marks.
    recorded: Vec<Digest>,
    /// The first released signature, with its digest.
    released: Option<(Digest, Signature)>,
    /// Whether it is that of a block.
    is_block: bool,
}

/// Violations that have occurred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "each is one property")]
pub(crate) struct Violations {
    pub(crate) two_digests: bool,
    pub(crate) two_signatures: bool,
    pub(crate) mark_fell: bool,
    pub(crate) not_recorded: bool,
    pub(crate) repeat_refused: bool,
    pub(crate) refused_without_reason: bool,
    pub(crate) failed_without_fault: bool,
    pub(crate) left_after_stop: bool,
    pub(crate) left_unexported: bool,
}

impl Violations {
    /// Those of two stores.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self {
            two_digests: self.two_digests || other.two_digests,
            two_signatures: self.two_signatures || other.two_signatures,
            mark_fell: self.mark_fell || other.mark_fell,
            not_recorded: self.not_recorded || other.not_recorded,
            repeat_refused: self.repeat_refused || other.repeat_refused,
            refused_without_reason: self.refused_without_reason || other.refused_without_reason,
            failed_without_fault: self.failed_without_fault || other.failed_without_fault,
            left_after_stop: self.left_after_stop || other.left_after_stop,
            left_unexported: self.left_unexported || other.left_unexported,
        }
    }
}

/// A state that contains the signers' history.
pub(crate) trait Observed {
    fn violations(&self) -> &Violations;
}

impl History {
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots: vec![Hashed::default(); slots], violations: Violations::default(), stopped: None }
    }

    /// Records that the store accepted a mark. A further digest counts only if the store has lost an accepted mark.
    pub(crate) fn record(&mut self, slot: usize, digest: Digest, has_risen: bool, has_lost: bool) {
        self.slots[slot].update(|slot| {
            if slot.recorded.is_empty() || has_lost && !slot.recorded.contains(&digest) {
                slot.recorded.push(digest);
            }
        });
        self.violations.mark_fell |= !has_risen;
        if let Some(promise) = &mut self.stopped {
            promise.late.push(slot);
        }
    }

    /// A stop is complete, and the marks are exported.
    pub(crate) fn promise_stop(&mut self, exported: Vec<Option<Position>>) {
        self.stopped = Some(Box::new(StopPromise { exported, late: Vec::new() }));
    }

    /// A resume begins.
    pub(crate) fn end_stop(&mut self) {
        self.stopped = None;
    }

    /// Compares a signature that leaves with the promise of a stop.
    pub(crate) fn leaves(&mut self, slot: usize, mark: usize, position: Position) {
        if let Some(promise) = &self.stopped {
            self.violations.left_after_stop |= promise.late.contains(&slot);
            self.violations.left_unexported |= promise.exported[mark] < Some(position);
        }
    }

    /// Records a released signature.
    pub(crate) fn release(&mut self, slot: usize, is_block: bool, digest: Digest, signature: Signature) {
        let slot = &mut self.slots[slot];
        let (first, first_signature) = slot.update(|slot| {
            slot.is_block = is_block;
            *slot.released.get_or_insert((digest, signature))
        });
        self.violations.two_digests |= first != digest;
        self.violations.two_signatures |= is_block && first_signature != signature;
        self.violations.not_recorded |= !slot.recorded.contains(&digest);
    }

    /// Whether the store has ever accepted this digest for the slot.
    pub(crate) fn has_recorded(&self, slot: usize, digest: Digest) -> bool {
        self.slots[slot].recorded.contains(&digest)
    }

    pub(crate) fn has_released(&self, slot: usize, digest: Digest) -> bool {
        self.slots[slot].released.is_some_and(|(released, _)| released == digest)
    }

    /// Whether the store has accepted only such digests for one slot as for another.
    pub(crate) fn is_covered(&self, slot: usize, by: usize) -> bool {
        self.slots[slot].recorded.iter().all(|digest| self.slots[by].recorded.contains(digest))
    }

    pub(crate) fn has_released_at(&self, slot: usize) -> bool {
        self.slots[slot].released.is_some()
    }

    pub(crate) fn has_released_any(&self) -> bool {
        self.slots.iter().any(|slot| slot.released.is_some())
    }

    pub(crate) fn has_recorded_at(&self, slot: usize) -> bool {
        !self.slots[slot].recorded.is_empty()
    }

    /// Whether nothing was released that differs from what signers of another store have released. Any two signatures of a vote
    /// will do, but not those of a block, which are signed by their store alone.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        self.slots.iter().zip(&other.slots).all(|(one, other)| match (one.released, other.released) {
            (Some((digest, signature)), Some((other, other_signature))) => {
                digest == other && (!one.is_block || signature == other_signature)
            }
            _ => true,
        })
    }

    pub(crate) fn is_all_released(&self) -> bool {
        self.slots.iter().all(|slot| slot.released.is_some())
    }
}
