//! Carries out the spells of a season.

use crate::client::Client;
use crate::dice::{Seed, Stream};
use crate::fleet::{Fleet, SignerAction};
use crate::flood::Flood;
use crate::history::Stretch;
use crate::storm::{Met, Service};
use crate::weather::{BROWN_OUT_DELAY, DeadRegion, Spell, brown_out, forecast};
use stand_ins::{Azure, Delay, Effect, Faults, Region};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything that the spells affect.
pub(crate) struct Spells<'a> {
    pub(crate) seed: Seed,
    pub(crate) azure: &'a Azure,
    pub(crate) fleet: &'a Fleet,
    pub(crate) client: &'a Arc<Client>,
    pub(crate) flood: &'a Flood,
    pub(crate) met: &'a Met,
}

impl Spells<'_> {
    /// Carries out all spells of this season, in order, and returns their times.
    pub(crate) async fn pass(&self, length: Duration) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        for (length, spell) in forecast(self.seed, length) {
            let from = Instant::now();
            let until = from + length;
            self.begin(spell);
            if spell == Spell::Flood {
                self.flood.run(self.client, until).await;
            }
            tokio::time::sleep_until(until.into()).await;
            self.end(spell);
            stretches.push(Stretch { from, to: Instant::now(), name: spell.name(), recovery: spell.recovery() });
        }
        stretches
    }

    fn begin(&self, spell: Spell) {
        match spell {
            Spell::Calm | Spell::Flood | Spell::AfterTheMove => {}
            Spell::Slow { vault, store } => self.slow(vault, store),
            Spell::TooSlow { vault, store } => {
                self.slow(vault, store);
                // A signer that starts now starts slowly, too.
                let place = self.seed.dice(Stream::Weather, 1).index(self.fleet.len());
                self.fleet.send(place, SignerAction::Kill { down: Duration::ZERO });
            }
            Spell::BrownOut(Service::KeyVault) => {
                self.azure.key_vault.latency(BROWN_OUT_DELAY);
                self.brown_out(self.azure.key_vault.faults());
            }
            Spell::BrownOut(_) => {
                self.store_latency(BROWN_OUT_DELAY);
                self.store_faults().for_each(|faults| self.brown_out(faults));
            }
            Spell::RegionMoves(dead) => self.move_region(dead),
        }
    }

    /// Ends the trouble, except for a lost region.
    fn end(&self, spell: Spell) {
        self.azure.key_vault.latency(Delay::NONE);
        self.azure.key_vault.faults().clear();
        self.store_latency(Delay::NONE);
        if !matches!(spell, Spell::RegionMoves(_)) {
            self.store_faults().for_each(Faults::clear);
        }
    }

    fn slow(&self, vault: Duration, store: Duration) {
        self.azure.key_vault.latency(Delay::Fixed(vault));
        self.store_latency(Delay::Fixed(store));
    }

    fn brown_out(&self, faults: &Faults) {
        let (seed, mut number) = (self.seed, 0);
        self.met.follow(faults, move |_| {
            number += 1;
            brown_out(seed, number)
        });
    }

    /// The first region fails; from now on the second is the write region and serves the account's global endpoint.
    fn move_region(&self, dead: DeadRegion) {
        let [from, to] = self.azure.cosmos.regions() else { return };
        self.azure.cosmos.move_writes_to(to.name());
        let effect = match dead {
            DeadRegion::Hangs => {
                from.freeze_connections();
                Effect::Hang
            }
            DeadRegion::Fails => Effect::status(503),
            DeadRegion::ReadOnly => return,
        };
        self.met.follow(from.faults(), move |_| Some(effect));
    }

    /// The faults of the account's global endpoint and of each region's.
    fn store_faults(&self) -> impl Iterator<Item = &Faults> {
        let cosmos = &self.azure.cosmos;
        std::iter::once(cosmos.faults()).chain(cosmos.regions().iter().map(Region::faults))
    }

    fn store_latency(&self, latency: Delay) {
        self.azure.cosmos.latency(latency);
        self.azure.cosmos.regions().iter().for_each(|region| region.latency(latency));
    }
}
