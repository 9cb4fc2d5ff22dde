//! Cycles of the protocol. Pure.

use crate::tezos::payload::NonNegative;

/// A cycle, from which the cycles of levels nearby follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cycle {
    number: u32,
    first_level: u32,
    length: u32,
}

impl Cycle {
    /// The cycle with this number, first level, and number of blocks; `None` if it would have no blocks.
    pub fn new(number: u32, first_level: u32, length: u32) -> Option<Self> {
        (length > 0).then_some(Self { number, first_level, length })
    }

    /// The number of the cycle.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The number of the cycle of a level, as long as the length of cycles does not change in between.
    pub fn of(&self, level: NonNegative) -> u32 {
        let distance = i64::from(level.get()) - i64::from(self.first_level);
        let cycle = i64::from(self.number) + distance.div_euclid(i64::from(self.length));
        u32::try_from(cycle).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_nearby_have_cycles() {
        let cycle = Cycle::new(900, 1001, 100).unwrap();
        let levels = [900, 901, 1000, 1001, 1100, 1101];
        let cycles = levels.map(|level: u32| cycle.of(NonNegative::try_from(level).unwrap()));
        assert_eq!(cycles, [898, 899, 899, 900, 900, 901]);
        assert_eq!(Cycle::new(1, 1, 0), None);
    }
}
