//! Carries out the spells of a season.

use crate::client::Client;
use crate::dice::{Seed, Stream};
use crate::fleet::{Blow, Fleet};
use crate::flood::Flood;
use crate::history::Stretch;
use crate::storm::{Met, Service};
use crate::weather::{BROWN_OUT_DELAY, Spell, brown_out, forecast};
use stand_ins::{Azure, Delay, Faults};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lets the spells pass, and says when each was.
pub(crate) struct Spells<'a> {
    pub(crate) seed: Seed,
    pub(crate) azure: &'a Azure,
    pub(crate) fleet: &'a Fleet,
    pub(crate) client: &'a Arc<Client>,
    pub(crate) flood: &'a Flood,
    pub(crate) met: &'a Met,
}

impl Spells<'_> {
    /// All spells of this season, in order.
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
            self.azure.key_vault.latency(Delay::NONE);
            self.azure.cosmos.latency(Delay::NONE);
            self.azure.key_vault.faults().clear();
            self.azure.cosmos.faults().clear();
            let to = Instant::now();
            stretches.push(Stretch { from, to, name: spell.name(), is_outage: spell.is_outage() });
        }
        stretches
    }

    fn begin(&self, spell: Spell) {
        match spell {
            Spell::Calm | Spell::Flood => {}
            Spell::Slow { vault, store } => self.slow(vault, store),
            Spell::TooSlow { vault, store } => {
                self.slow(vault, store);
                // Whoever starts now starts slowly, too.
                let place = self.seed.dice(Stream::Weather, 1).index(self.fleet.len());
                self.fleet.strike(place, Blow::Kill { down: Duration::ZERO });
            }
            Spell::BrownOut(service) => self.brown_out(service),
        }
    }

    fn slow(&self, vault: Duration, store: Duration) {
        self.azure.key_vault.latency(Delay::Fixed(vault));
        self.azure.cosmos.latency(Delay::Fixed(store));
    }

    fn brown_out(&self, service: Service) {
        let faults: &Faults = if service == Service::KeyVault {
            self.azure.key_vault.latency(BROWN_OUT_DELAY);
            self.azure.key_vault.faults()
        } else {
            self.azure.cosmos.latency(BROWN_OUT_DELAY);
            self.azure.cosmos.faults()
        };
        let (seed, mut number) = (self.seed, 0);
        self.met.follow(faults, move |_| {
            number += 1;
            brown_out(seed, number)
        });
    }
}
