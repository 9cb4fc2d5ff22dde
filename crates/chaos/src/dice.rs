//! Randomness that a seed reproduces, regardless of timing and order.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// The seed of all randomness in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seed(pub(crate) u64);

impl fmt::Display for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Separate random streams.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// Faults of requests, by number of the operation.
    Faults(u8),
    /// Kills, pauses, clock jumps and outages.
    Disruptions,
    /// Kills and pauses of relays.
    Relays,
    /// The trouble of regions.
    Regions,
    /// The spells of a season.
    Weather,
    /// Faults of requests in a brown-out.
    BrownOut,
    /// What an operator does to keys.
    Stops,
    /// What the bakers of a chain do, level by level.
    Chain,
    /// The trouble of nodes.
    Nodes,
    /// The payloads of a lane, by number.
    Lane(u16),
}

/// Cipher blocks (of 64 bytes) for each draw.
const BLOCKS: u64 = 64;

impl Seed {
    /// The dice for the draw of this number, independent of earlier draws.
    pub(crate) fn dice(self, stream: Stream, number: u64) -> Dice {
        let mut dice = ChaCha8Rng::seed_from_u64(self.0);
        dice.set_stream(match stream {
            Stream::Disruptions => 0,
            Stream::Weather => 1,
            Stream::BrownOut => 2,
            Stream::Relays => 3,
            Stream::Regions => 4,
            Stream::Stops => 5,
            Stream::Chain => 6,
            Stream::Nodes => 7,
            Stream::Faults(operation) => 0x100 + u64::from(operation),
            Stream::Lane(lane) => 0x1_0000 + u64::from(lane),
        });
        dice.set_block_pos(number * BLOCKS);
        Dice(dice)
    }
}

/// The random numbers of one draw.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// True in this percentage of cases.
    pub(crate) fn chance(&mut self, percent: f64) -> bool {
        self.0.random_bool((percent / 100.0).clamp(0.0, 1.0))
    }

    /// A number in this range.
    pub(crate) fn number(&mut self, range: Range<u32>) -> u32 {
        self.0.random_range(range)
    }

    /// An index below `count`.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// Milliseconds in this range.
    pub(crate) fn ms(&mut self, range: Range<u32>) -> Duration {
        Duration::from_millis(self.number(range).into())
    }

    /// One of these, with probability proportional to its weight; `None` if all weights are zero.
    pub(crate) fn pick<'a, T>(&mut self, weighted: &'a [(u32, T)]) -> Option<&'a T> {
        let sum: u32 = weighted.iter().map(|(weight, _)| weight).sum();
        if sum == 0 {
            return None;
        }
        let mut left = self.number(0..sum);
        weighted.iter().find_map(|(weight, thing)| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it.then_some(thing)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, stream: Stream, number: u64) -> Vec<u32> {
        let mut dice = Seed(seed).dice(stream, number);
        (0..200).map(|_| dice.number(0..1_000_000)).collect()
    }

    #[test]
    fn a_draw_depends_only_on_seed_stream_and_number() {
        let one = drawn(7, Stream::Lane(3), 5);
        assert_eq!(one, drawn(7, Stream::Lane(3), 5));
        for other in [
            drawn(8, Stream::Lane(3), 5),
            drawn(7, Stream::Lane(4), 5),
            drawn(7, Stream::Lane(3), 6),
            drawn(7, Stream::Faults(3), 5),
            drawn(7, Stream::Disruptions, 5),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn picks_follow_the_weights() {
        let weighted = [(1, "rare"), (0, "never"), (9, "often")];
        let picked: Vec<_> = (0..1000).filter_map(|k| Seed(1).dice(Stream::Disruptions, k).pick(&weighted)).collect();
        let count = |wanted| picked.iter().filter(|picked| **picked == &wanted).count();
        assert_eq!(count("never"), 0);
        assert!((50..200).contains(&count("rare")) && count("rare") + count("often") == 1000);
    }
}
