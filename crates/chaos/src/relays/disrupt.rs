//! Kills and pauses relays, and puts apps in front of the wrong signer.

use super::REGIONS;
use super::apps::Apps;
use crate::dice::{Seed, Stream};
use crate::fleet::{Fleet, SignerAction};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Kills and pauses one relay after the other until `ends` is set.
pub(super) async fn disrupt_relays(seed: Seed, relays: &Fleet, ends: &AtomicBool) {
    for number in 0.. {
        let mut dice = seed.dice(Stream::Relays, number);
        tokio::time::sleep(dice.ms(300..1_200)).await;
        if ends.load(Ordering::Relaxed) {
            return;
        }
        let relay = dice.index(relays.len());
        let action = if dice.chance(60.0) {
            SignerAction::Kill { down: dice.ms(0..300) }
        } else {
            SignerAction::Pause { length: dice.ms(200..2_500) }
        };
        relays.send(relay, action);
    }
}

/// Puts an app in front of the signer with another store for a moment, now and then.
pub(super) async fn misdirect_apps(seed: Seed, apps: &Apps, end: Instant) {
    for number in 0.. {
        let mut dice = seed.dice(Stream::Regions, u64::from(u32::MAX) + number);
        let (region, pause, length) = (dice.index(REGIONS), dice.ms(300..1_500), dice.ms(50..800));
        tokio::time::sleep_until((Instant::now() + pause).min(end).into()).await;
        if Instant::now() >= end {
            return;
        }
        apps.misdirect(region, true);
        tokio::time::sleep(length).await;
        apps.misdirect(region, false);
    }
}
