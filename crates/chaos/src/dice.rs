//! Randomness that a seed reproduces, whatever happens meanwhile and in whatever order.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// What all randomness of a run comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seed(pub(crate) u64);

impl fmt::Display for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Things that are drawn for one purpose.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// What goes wrong with requests for the operation of this number.
    Faults(u8),
    /// Kills, pauses, jumps of clocks and the like.
    Disruptions,
    /// The spells of a season.
    Weather,
    /// What goes wrong with requests in a brown-out.
    BrownOut,
    /// What the bakers of the lane of this number want.
    Lane(u16),
}

/// So many blocks of the cipher, of 64 bytes each, belong to one draw.
const BLOCKS: u64 = 64;

impl Seed {
    /// The dice of the draw of this number. They do not depend on how many draws there were before.
    pub(crate) fn dice(self, stream: Stream, number: u64) -> Dice {
        let mut dice = ChaCha8Rng::seed_from_u64(self.0);
        dice.set_stream(match stream {
            Stream::Disruptions => 0,
            Stream::Weather => 1,
            Stream::BrownOut => 2,
            Stream::Faults(operation) => 0x100 + u64::from(operation),
            Stream::Lane(lane) => 0x1_0000 + u64::from(lane),
        });
        dice.set_block_pos(number * BLOCKS);
        Dice(dice)
    }
}

/// What one draw is made with.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// True in so many of 100 cases.
    pub(crate) fn chance(&mut self, percent: f64) -> bool {
        self.0.random_bool((percent / 100.0).clamp(0.0, 1.0))
    }

    /// One of these numbers.
    pub(crate) fn number(&mut self, range: Range<u32>) -> u32 {
        self.0.random_range(range)
    }

    /// One of the first numbers from 0.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// Milliseconds of this range.
    pub(crate) fn ms(&mut self, range: Range<u32>) -> Duration {
        Duration::from_millis(self.number(range).into())
    }

    /// One of these, as often as its weight says; `None` if there is nothing of weight.
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
    fn a_draw_depends_on_seed_stream_and_number_and_nothing_else() {
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
    fn what_is_picked_follows_its_weight() {
        let weighted = [(1, "rare"), (0, "never"), (9, "often")];
        let picked: Vec<_> = (0..1000).filter_map(|k| Seed(1).dice(Stream::Disruptions, k).pick(&weighted)).collect();
        let count = |wanted| picked.iter().filter(|picked| **picked == &wanted).count();
        assert_eq!(count("never"), 0);
        assert!((50..200).contains(&count("rare")) && count("rare") + count("often") == 1000);
    }
}
