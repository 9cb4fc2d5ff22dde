//! What a chain knows about its bakers: participation in a cycle, denunciations, and who is forbidden to bake.

use super::operation::Operation;
use super::{Chain, Hash};
use crate::payload::consensus::Kind;
use std::collections::{HashMap, HashSet};

/// A denunciation that waits for its punishment (Octez, `denunciations_repr.ml` and `misbehaviour_repr.ml`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denunciation {
    /// The operation with the evidence.
    pub operation: Hash,
    /// Index of the baker that gets the reward.
    pub rewarded: usize,
    /// Level of the two signatures.
    pub level: i32,
    /// Their round.
    pub round: i32,
    /// What was signed twice.
    pub kind: Kind,
}

/// A baker's attestations in a cycle, in slots (`delegate_missed_attestations_storage.ml`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Participation {
    /// Slots in the whole cycle.
    pub expected: u32,
    /// Slots that it needs to be rewarded: two thirds.
    pub minimal: u32,
    /// Slots without an attestation so far.
    pub missed_slots: u32,
    /// Levels without an attestation so far.
    pub missed_levels: u32,
}

/// The misbehaviour that is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Slashing {
    denunciations: HashMap<usize, Vec<Denunciation>>,
    forbidden: HashSet<usize>,
}

impl Chain {
    /// Adds a denunciation of a baker, in the context of every block.
    pub fn denounce(&mut self, baker: usize, denunciation: Denunciation) {
        self.slashing.denunciations.entry(baker).or_default().push(denunciation);
    }

    /// The denunciations of a baker.
    pub fn denunciations(&self, baker: usize) -> &[Denunciation] {
        self.slashing.denunciations.get(&baker).map_or(&[], Vec::as_slice)
    }

    /// Forbids a baker to bake and to attest, as the protocol does after severe misbehaviour, or allows it again.
    pub fn forbid(&mut self, baker: usize, forbidden: bool) {
        if forbidden {
            self.slashing.forbidden.insert(baker);
        } else {
            self.slashing.forbidden.remove(&baker);
        }
    }

    /// Whether a baker is forbidden.
    pub fn is_forbidden(&self, baker: usize) -> bool {
        self.slashing.forbidden.contains(&baker)
    }

    /// Whether this block contains the baker's vote for the level below.
    pub fn has_attested(&self, baker: usize, block: &Hash) -> bool {
        let operations = self.block(block).map_or(&[][..], |block| &block.operations);
        let mut votes = operations.iter().flat_map(Operation::votes);
        votes.any(|vote| vote.baker == baker && vote.kind == Kind::Attestation)
    }

    /// The participation of a baker in the cycle of this block, up to it. A level counts in the block after it, and in the cycle of
    /// that block. Levels below the first known block count as attested.
    pub fn participation(&self, baker: usize, block: &Hash) -> Participation {
        let slots = u32::from(self.network.baker(baker).slots);
        let expected = slots.saturating_mul(self.network.blocks_per_cycle);
        let minimal = expected.saturating_mul(2).checked_div(3).unwrap_or_default();
        let cycle = self.block(block).map(|block| self.network.cycle(block.header.level));
        let in_cycle = self
            .branch(block)
            .take_while(|block| Some(self.network.cycle(block.header.level)) == cycle && block.hash != self.root);
        let missed = in_cycle.filter(|block| !self.has_attested(baker, &block.hash)).count();
        let missed_levels = u32::try_from(missed).unwrap_or(u32::MAX);
        Participation { expected, minimal, missed_slots: missed_levels.saturating_mul(slots), missed_levels }
    }
}
