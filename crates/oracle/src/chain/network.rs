//! A network: its bakers, who may vote and bake when, and the parameters that matter to a signer.

use super::baker::{Baker, Key};
use crate::base58::CHAIN;
use crate::payload::MAINNET;

/// A network. Its rights are simpler than the protocol's, which draws lots: each baker votes at every level, and its slots follow
/// those of the baker before it; blocks are proposed in turn.
#[derive(Debug, Clone)]
pub struct Network {
    /// Chain id.
    pub chain: [u8; 4],
    /// Its bakers; at least one.
    pub bakers: Vec<Baker>,
    /// Levels in a cycle. The first one of cycle 0 is level 1.
    pub blocks_per_cycle: u32,
    /// Duration of round 0, in seconds.
    pub minimal_block_delay: u32,
    /// What each round lasts longer than the one before, in seconds.
    pub delay_increment_per_round: u32,
    /// Current protocol: `P…`.
    pub protocol: String,
    /// Protocol of the next block: `P…`.
    pub next_protocol: String,
}

/// Protocol 025, the current one of mainnet.
const USHUAIA: &str = "PsUshuai9QapM5TGj1JpuVGkdxz5GykdnEvS6Rh8SUVrARvZLCY";

impl Network {
    /// Mainnet's chain id and parameters, with these bakers.
    pub fn new(bakers: impl Into<Vec<Baker>>) -> Self {
        Self {
            chain: MAINNET,
            bakers: bakers.into(),
            blocks_per_cycle: 14_400,
            minimal_block_delay: 6,
            delay_increment_per_round: 3,
            protocol: USHUAIA.to_owned(),
            next_protocol: USHUAIA.to_owned(),
        }
    }

    /// `Net…`.
    pub fn chain_text(&self) -> String {
        CHAIN.encode(&self.chain)
    }

    /// The cycle of a level (`level_repr.ml`).
    pub fn cycle(&self, level: i32) -> u32 {
        let position = level.saturating_sub(1).max(0).unsigned_abs();
        position.checked_div(self.blocks_per_cycle).unwrap_or_default()
    }

    /// The position of a level in its cycle, from 0.
    pub fn cycle_position(&self, level: i32) -> u32 {
        let position = level.saturating_sub(1).max(0).unsigned_abs();
        position.checked_rem(self.blocks_per_cycle).unwrap_or_default()
    }

    /// The first level of a cycle.
    pub fn first_level(&self, cycle: u32) -> i32 {
        i32::try_from(cycle.saturating_mul(self.blocks_per_cycle).saturating_add(1)).unwrap_or(i32::MAX)
    }

    /// The cycle whose keys are active in the context of a block: after the last block of a cycle those of the next one, since the
    /// keys change at the end of a cycle (`delegate_cycles.ml`, `cycle_end`).
    pub fn cycle_of_context(&self, level: i32) -> u32 {
        self.cycle(level.saturating_add(1))
    }

    /// The bakers by index, and the first slot of each.
    pub fn attesters(&self) -> impl Iterator<Item = (usize, u16, &Baker)> {
        let mut next_slot = 0_u16;
        self.bakers.iter().enumerate().map(move |(index, baker)| {
            let slot = next_slot;
            next_slot = next_slot.saturating_add(baker.slots);
            (index, slot, baker)
        })
    }

    /// The first slot of a baker.
    pub fn first_slot(&self, baker: usize) -> u16 {
        self.attesters().find(|(index, ..)| *index == baker).map_or(u16::MAX, |(_, slot, _)| slot)
    }

    /// A baker. An index that is too high gives the first one.
    ///
    /// # Panics
    /// If the network has no bakers.
    #[allow(clippy::indexing_slicing, reason = "a network has bakers")]
    pub fn baker(&self, index: usize) -> &Baker {
        self.bakers.get(index).unwrap_or(&self.bakers[0])
    }

    /// The key with which a baker signs for a level.
    pub fn consensus_key(&self, baker: usize, level: i32) -> &Key {
        self.baker(baker).consensus_key(self.cycle(level))
    }

    /// The companion key with which a baker signs for a level.
    pub fn companion_key(&self, baker: usize, level: i32) -> Option<&Key> {
        self.baker(baker).companion_key(self.cycle(level))
    }

    /// The index of the baker that may propose the block of this level and round.
    pub fn proposer(&self, level: i32, round: i32) -> usize {
        let turn = i64::from(level).saturating_add(i64::from(round)).unsigned_abs();
        usize::try_from(turn).unwrap_or_default().checked_rem(self.bakers.len()).unwrap_or_default()
    }

    /// Slots of the whole committee.
    pub fn committee(&self) -> u32 {
        self.bakers.iter().map(|baker| u32::from(baker.slots)).sum()
    }

    /// Slots that make a quorum: more than two thirds.
    pub fn quorum(&self) -> u32 {
        self.committee().saturating_mul(2).checked_div(3).unwrap_or_default().saturating_add(1)
    }

    /// The earliest time of a block, from its predecessor's time and round and from its own round, in seconds: each round before
    /// it, and the one of the predecessor, must have passed (`round_repr.ml`).
    pub fn earliest(&self, predecessor_time: i64, predecessor_round: i32, round: i32) -> i64 {
        let rounds = std::iter::once(predecessor_round).chain(0..round);
        let passed: i64 = rounds.map(|round| self.duration(round)).sum();
        predecessor_time.saturating_add(passed)
    }

    fn duration(&self, round: i32) -> i64 {
        i64::from(self.minimal_block_delay)
            .saturating_add(i64::from(self.delay_increment_per_round).saturating_mul(round.max(0).into()))
    }
}
