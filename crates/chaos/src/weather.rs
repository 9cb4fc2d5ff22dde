//! Spells of a season: trouble that lasts for seconds, drawn from the seed.

use crate::dice::{Dice, Seed, Stream};
use crate::storm::Service;
use stand_ins::{Delay, Effect};
use std::time::Duration;

/// The conditions in a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Spell {
    /// No trouble.
    Calm,
    /// Every answer of vault and store takes this long: together at most [`MAX_SUM_MS`].
    Slow { vault: Duration, store: Duration },
    /// Many connections repeat one signed vote as fast as possible.
    Flood,
    /// Both services are so slow that no block can be signed within the deadline.
    TooSlow { vault: Duration, store: Duration },
    /// A service takes seconds for each answer, and half of the answers are failures. It recovers at once.
    BrownOut(Service),
    /// The write region of the account has just moved, and the old one no longer answers.
    RegionMoves(DeadRegion),
    /// No other trouble, but the old write region is still dead.
    AfterTheMove,
}

/// The behaviour of a lost region's endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeadRegion {
    /// Connections are silent, and no request is answered.
    Hangs,
    /// Every request is answered with 503.
    Fails,
    /// Only writes are rejected, as by a region that is no longer the write region.
    ReadOnly,
}

/// Name of the spell in which the write region moves.
pub(crate) const MOVE: &str = "region moves";

/// How long a signer may take to recover from a move of the write region.
const FAILOVER: Duration = Duration::from_secs(5);

/// How long a signer may take to recover from any other outage.
const RECOVERY: Duration = Duration::from_secs(1);

/// Maximum total delay of vault and store in a slow spell, so that blocks can be signed.
const MAX_SUM_MS: u32 = 3_400;

impl Spell {
    /// Name in the figures.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Slow { .. } => "slow",
            Self::Flood => "flood",
            Self::TooSlow { .. } => "too slow",
            Self::BrownOut(_) => "brown-out",
            Self::RegionMoves(_) => MOVE,
            Self::AfterTheMove => "after the move",
        }
    }

    /// For an outage: how long a signer may take to recover afterwards.
    pub(crate) const fn recovery(&self) -> Option<Duration> {
        match self {
            Self::Calm | Self::Slow { .. } | Self::Flood | Self::AfterTheMove => None,
            Self::TooSlow { .. } | Self::BrownOut(_) => Some(RECOVERY),
            Self::RegionMoves(_) => Some(FAILOVER),
        }
    }
}

/// The spells of a season of this length, in order, each with its duration.
///
/// Spells without an outage are adjacent, so that a request may begin in one and end in another.
pub(crate) fn forecast(seed: Seed, length: Duration) -> Vec<(Duration, Spell)> {
    let mut dice = seed.dice(Stream::Weather, 0);
    let spells = [
        (4, Spell::Calm),
        (9, slow(&mut dice, Some(Service::KeyVault))),
        (5, Spell::Flood),
        (9, slow(&mut dice, None)),
        (5, Spell::BrownOut(Service::Cosmos)),
        (6, Spell::Calm),
        (4, too_slow(&mut dice)),
        // A signer that has not seen the newest mark needs three calls to the store for the next one.
        (6, Spell::Calm),
        (9, slow(&mut dice, Some(Service::Cosmos))),
        (5, Spell::BrownOut(Service::KeyVault)),
        (7, Spell::Calm),
        (1, Spell::RegionMoves(dead_region(&mut dice))),
        (13, Spell::AfterTheMove),
    ];
    let shares: u32 = spells.iter().map(|(share, _)| share).sum();
    spells.map(|(share, spell)| (length * share / shares, spell)).to_vec()
}

/// One service or both are slow.
fn slow(dice: &mut Dice, only: Option<Service>) -> Spell {
    let alone = dice.ms(500..MAX_SUM_MS);
    let vault = dice.number(500..2_900);
    let store = dice.ms(500..MAX_SUM_MS + 1 - vault);
    let vault = Duration::from_millis(vault.into());
    match only {
        Some(Service::KeyVault) => Spell::Slow { vault: alone, store: Duration::ZERO },
        Some(_) => Spell::Slow { vault: Duration::ZERO, store: alone },
        None => Spell::Slow { vault, store },
    }
}

fn too_slow(dice: &mut Dice) -> Spell {
    Spell::TooSlow { vault: dice.ms(2_000..3_500), store: dice.ms(2_000..3_500) }
}

fn dead_region(dice: &mut Dice) -> DeadRegion {
    const WAYS: [(u32, DeadRegion); 3] = [(2, DeadRegion::Hangs), (1, DeadRegion::Fails), (1, DeadRegion::ReadOnly)];
    dice.pick(&WAYS).copied().unwrap_or(DeadRegion::Hangs)
}

/// Delay of a service's answers in a brown-out.
pub(crate) const BROWN_OUT_DELAY: Delay = Delay::Uniform { from: Duration::from_secs(1), to: Duration::from_secs(5) };

/// The fault of the request of this number in a brown-out, in addition to the delay.
pub(crate) fn brown_out(seed: Seed, number: u64) -> Option<Effect> {
    const WAYS: [(u32, Option<Effect>); 6] = [
        (10, None),
        (3, Some(status(503))),
        (2, Some(status(500))),
        (2, Some(status(429))),
        (2, Some(Effect::Hang)),
        (1, Some(Effect::CloseAfterWork)),
    ];
    seed.dice(Stream::BrownOut, number).pick(&WAYS).copied().flatten()
}

const fn status(status: u16) -> Effect {
    Effect::Status { status, sub_status: None, retry_after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_spells_permit_a_block_and_spells_that_are_too_slow_do_not() {
        for seed in 0..500 {
            for (_, spell) in forecast(Seed(seed), Duration::from_mins(1)) {
                match spell {
                    Spell::Slow { vault, store } => {
                        let sum = vault + store;
                        assert!((500..=3_400).contains(&sum.as_millis()), "{spell:?}");
                    }
                    Spell::TooSlow { vault, store } => assert!(vault + store >= Duration::from_secs(4), "{spell:?}"),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_season_has_every_spell_and_the_requested_length() {
        let length = Duration::from_mins(1);
        let spells = forecast(Seed(1), length);
        let sum: Duration = spells.iter().map(|(length, _)| *length).sum();
        assert!(length.abs_diff(sum) < Duration::from_millis(1), "{sum:?}");
        for name in ["calm", "slow", "flood", "too slow", "brown-out", "region moves", "after the move"] {
            assert!(spells.iter().any(|(_, spell)| spell.name() == name), "{name}");
        }
    }

    #[test]
    fn a_brown_out_fails_about_half_of_the_requests() {
        let failed = (0..1_000).filter(|number| brown_out(Seed(1), *number).is_some()).count();
        assert!((400..600).contains(&failed), "{failed}");
    }
}
