//! Trouble that lasts for seconds: the spells of a season, drawn from the seed.

use crate::dice::{Dice, Seed, Stream};
use crate::storm::Service;
use stand_ins::{Delay, Effect};
use std::time::Duration;

/// What a stretch of time is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Spell {
    /// Nothing is wrong.
    Calm,
    /// Every answer of the vault and of the store takes this long: together at most [`MAX_SUM_MS`].
    Slow { vault: Duration, store: Duration },
    /// Many connections repeat one signed vote as fast as they can.
    Flood,
    /// Both services are so slow that no block can be signed within the deadline.
    TooSlow { vault: Duration, store: Duration },
    /// A service takes seconds for each answer, and half of the answers are failures. Then all is well at once.
    BrownOut(Service),
    /// The account has just moved its writes to another region, and the one that took them does not answer any more.
    RegionMoves(DeadRegion),
    /// Nothing else is wrong, but the region that took the writes is still dead.
    AfterTheMove,
}

/// What the endpoint of a region does that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeadRegion {
    /// Connections are silent, and no request is answered.
    Hangs,
    /// Every request is answered with 503.
    Fails,
    /// Only writes are refused, as by a region that does not take them any more.
    ReadOnly,
}

/// The name of the spell in which the write region moves.
pub(crate) const MOVE: &str = "region moves";

/// After a move of the write region a signer may need so long.
const FAILOVER: Duration = Duration::from_secs(5);

/// After any other outage.
const RECOVERY: Duration = Duration::from_secs(1);

/// In a slow spell the vault and the store together take no longer than this, so blocks can be signed.
const MAX_SUM_MS: u32 = 3_400;

impl Spell {
    /// What it is called in the figures.
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

    /// If signatures may be lost in it: how long a signer may need afterwards until none is lost any more.
    pub(crate) const fn recovery(&self) -> Option<Duration> {
        match self {
            Self::Calm | Self::Slow { .. } | Self::Flood | Self::AfterTheMove => None,
            Self::TooSlow { .. } | Self::BrownOut(_) => Some(RECOVERY),
            Self::RegionMoves(_) => Some(FAILOVER),
        }
    }
}

/// The spells of a season of this length, in order, each with its share of the time.
///
/// Those without an outage follow each other, so that a request which began in one of them meets its deadline in another.
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
        // A signer that does not know the newest mark needs three calls of the store for the next one.
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

/// One service alone is slow, or both are.
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

/// How long the answers of a service in a brown-out take.
pub(crate) const BROWN_OUT_DELAY: Delay = Delay::Uniform { from: Duration::from_secs(1), to: Duration::from_secs(5) };

/// What goes wrong in a brown-out with the request of this number, beside that it is slow.
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
    fn slow_spells_leave_time_for_a_block_and_spells_that_are_too_slow_do_not() {
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
    fn a_season_has_every_spell_and_lasts_as_long_as_is_said() {
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
