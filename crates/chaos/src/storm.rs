//! Faults of requests to Azure, and disruptions of signers and services, all drawn from the seed.

use crate::dice::{Dice, Seed, Stream};
use stand_ins::{Azure, BadSignature, Delay, Effect, Faults, Operation};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The faults of each of these services.
pub(crate) fn faults_of(azure: &Azure) -> [&Faults; 3] {
    [azure.identity.faults(), azure.key_vault.faults(), azure.cosmos.faults()]
}

/// Faults, with their weights.
type Ways = &'static [(u32, fn(&mut Dice) -> Effect)];

fn slow(dice: &mut Dice) -> Effect {
    Effect::Delay(Delay::Fixed(dice.ms(10..500)))
}

fn late(dice: &mut Dice) -> Effect {
    Effect::LateWork(Delay::Fixed(dice.ms(50..1_500)))
}

fn status(status: u16) -> Effect {
    Effect::status(status)
}

fn with_sub_status(status: u16, sub_status: u32) -> Effect {
    Effect::Status { status, sub_status: Some(sub_status), retry_after: None }
}

/// 429, mostly with a retry time.
fn throttled(dice: &mut Dice) -> Effect {
    let retry_after = dice.chance(70.0).then(|| dice.ms(5..400));
    Effect::Status { status: 429, sub_status: None, retry_after }
}

const SIGN: Ways = &[
    (8, slow),
    (3, late),
    (4, throttled),
    (2, |_| status(408)),
    (2, |_| status(500)),
    (3, |_| status(503)),
    (1, |_| status(401)),
    (1, |_| status(403)),
    (2, |_| Effect::status_after_work(503)),
    (3, |_| Effect::Hang),
    (3, |_| Effect::HangAfterWork),
    (2, |_| Effect::CloseBeforeAnswer),
    (2, |_| Effect::CloseAfterWork),
    (1, |_| Effect::BadSignature(BadSignature::OfOtherData)),
    (1, |_| Effect::BadSignature(BadSignature::ByOtherKey)),
    (1, |_| Effect::BadSignature(BadSignature::Truncated)),
    (1, |_| Effect::BadSignature(BadSignature::Empty)),
];

const WRITE: Ways = &[
    (6, slow),
    (6, late),
    (3, throttled),
    (2, |_| status(408)),
    (1, |_| status(410)),
    (2, |_| status(449)),
    (2, |_| status(412)),
    (2, |_| with_sub_status(403, 3)),
    (1, |_| status(401)),
    (2, |_| status(500)),
    (2, |_| status(503)),
    (3, |_| Effect::status_after_work(408)),
    (1, |_| Effect::status_after_work(410)),
    (1, |_| Effect::status_after_work(412)),
    (2, |_| Effect::status_after_work(500)),
    (3, |_| Effect::status_after_work(503)),
    (3, |_| Effect::Hang),
    (4, |_| Effect::HangAfterWork),
    (2, |_| Effect::CloseBeforeAnswer),
    (3, |_| Effect::CloseAfterWork),
];

const READ: Ways = &[
    (6, slow),
    (3, throttled),
    (1, |_| status(408)),
    (1, |_| status(410)),
    (1, |_| status(449)),
    (1, |_| status(401)),
    (2, |_| status(500)),
    (2, |_| status(503)),
    (3, |_| Effect::Hang),
    (2, |_| Effect::CloseBeforeAnswer),
];

/// For tokens, keys, the account and its metadata.
const READ_RARELY: Ways = &[
    (6, slow),
    (3, throttled),
    (2, |_| status(500)),
    (2, |_| status(503)),
    (2, |_| Effect::Hang),
    (2, |_| Effect::CloseBeforeAnswer),
];

/// For calls of a function app.
const EXECUTION: Ways = &[
    (6, slow),
    (3, late),
    (2, |_| status(429)),
    (2, |_| status(500)),
    (3, |_| status(502)),
    (3, |_| status(503)),
    (1, |_| status(401)),
    (2, |_| Effect::status_after_work(502)),
    (3, |_| Effect::Hang),
    (3, |_| Effect::HangAfterWork),
    (3, |_| Effect::CloseBeforeAnswer),
    (3, |_| Effect::CloseAfterWork),
];

/// For the data keys of sealed keys.
const UNWRAP: Ways = &[
    (6, slow),
    (4, throttled),
    (3, |_| status(403)),
    (2, |_| status(500)),
    (2, |_| status(503)),
    (2, |_| Effect::status_after_work(503)),
    (4, |_| Effect::Hang),
    (2, |_| Effect::HangAfterWork),
    (2, |_| Effect::CloseBeforeAnswer),
    (2, |_| Effect::CloseAfterWork),
];

/// How often requests for an operation fail, in percent, and how. Rare operations fail more often. Operations that a start needs
/// several times fail less often, or hardly any signer would ever get ready.
fn ways(operation: Operation) -> Option<(u8, f64, Ways)> {
    Some(match operation {
        Operation::Token => (1, 10.0, READ_RARELY),
        Operation::ListKeys => (2, 8.0, READ_RARELY),
        Operation::ListVersions => (3, 8.0, READ_RARELY),
        Operation::GetKey => (4, 8.0, READ_RARELY),
        Operation::Sign => (5, 6.0, SIGN),
        Operation::Account => (6, 10.0, READ_RARELY),
        Operation::Metadata => (7, 6.0, READ_RARELY),
        Operation::ReadItem => (8, 6.0, READ),
        Operation::CreateItem => (9, 20.0, WRITE),
        Operation::ReplaceItem => (10, 6.0, WRITE),
        Operation::Execution => (11, 6.0, EXECUTION),
        Operation::Query => (12, 10.0, READ_RARELY),
        Operation::UnwrapKey => (13, 40.0, UNWRAP),
        _ => return None,
    })
}

/// The fault of the request of this number, from 0, for an operation.
pub(crate) fn fault(seed: Seed, operation: Operation, number: u64) -> Option<Effect> {
    let (stream, percent, ways) = ways(operation)?;
    let mut dice = seed.dice(Stream::Faults(stream), number);
    if !dice.chance(percent) {
        return None;
    }
    dice.pick(ways).map(|way| way(&mut dice))
}

/// The faults of the requests to a service, by operation and order of arrival.
pub(crate) fn plan(seed: Seed) -> impl FnMut(Operation) -> Option<Effect> + Send + 'static {
    let mut numbers = HashMap::<Operation, u64>::new();
    move |operation| {
        let number = numbers.entry(operation).or_default();
        *number += 1;
        fault(seed, operation, *number - 1)
    }
}

/// Counts of the faults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Met(Arc<Mutex<HashMap<(Operation, String), u64>>>);

impl Met {
    /// Makes a service follow a plan, and counts its faults.
    pub(crate) fn follow(&self, faults: &Faults, mut plan: impl FnMut(Operation) -> Option<Effect> + Send + 'static) {
        let met = Arc::clone(&self.0);
        faults.follow(move |operation| {
            let effect = plan(operation);
            if let Some(effect) = &effect {
                let mut met = met.lock().unwrap_or_else(PoisonError::into_inner);
                *met.entry((operation, name(effect))).or_default() += 1;
            }
            effect
        });
    }

    pub(crate) fn take(&self) -> HashMap<(Operation, String), u64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn name(effect: &Effect) -> String {
    match effect {
        Effect::Delay(_) => "slow".to_owned(),
        Effect::LateWork(_) => "work done late".to_owned(),
        Effect::Status { status, sub_status: None, .. } => status.to_string(),
        Effect::Status { status, sub_status: Some(sub_status), .. } => format!("{status}/{sub_status}"),
        Effect::StatusAfterWork { status, .. } => format!("{status} after work"),
        Effect::Hang => "hang".to_owned(),
        Effect::HangAfterWork => "hang after work".to_owned(),
        Effect::CloseBeforeAnswer => "close".to_owned(),
        Effect::CloseAfterWork => "close after work".to_owned(),
        Effect::BadSignature(_) => "bad signature".to_owned(),
    }
}

/// A disruption of a signer, or of all connections to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disruption {
    /// SIGKILL, and a restart after this time.
    Kill { place: usize, down: Duration },
    /// SIGSTOP, and SIGCONT after this time, which exceeds the request deadline.
    Pause { place: usize, length: Duration },
    /// Sets its wall clock this many seconds off.
    Jump { place: usize, offset: i32 },
    /// Freezes all open connections to a service.
    Freeze(Service),
    /// Makes a service refuse connections for this time.
    Refuse(Service, Duration),
    /// Revokes all tokens issued so far.
    Revoke,
}

/// A service of Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Identity,
    KeyVault,
    Cosmos,
}

/// Maximum clock jump, in seconds: 6 hours.
const MAX_JUMP_SECONDS: u32 = 6 * 3_600;

/// The disruption of this number, and its delay after the previous one.
///
/// `clocks` are the places whose wall clocks can be set. Without any, clock jumps are left out, and the other disruptions are
/// the same.
pub(crate) fn disruption(seed: Seed, number: u64, places: usize, clocks: &[usize]) -> (Duration, Option<Disruption>) {
    const SERVICES: [(u32, Service); 3] = [(1, Service::Identity), (3, Service::KeyVault), (3, Service::Cosmos)];
    let mut dice = seed.dice(Stream::Disruptions, number);
    let gap = dice.ms(300..1_500);
    let place = dice.index(places);
    let service = dice.pick(&SERVICES).copied().unwrap_or(Service::Cosmos);
    let disruption = match dice.number(0..100) {
        0..45 => Disruption::Kill { place, down: dice.ms(0..400) },
        45..65 => Disruption::Pause { place, length: dice.ms(1_200..2_200) },
        65..83 => {
            let clock = dice.index(clocks.len().max(1));
            let Some(place) = clocks.get(clock).copied() else { return (gap, None) };
            let seconds = i32::try_from(dice.number(600..MAX_JUMP_SECONDS)).unwrap_or_default();
            let offset = if dice.chance(40.0) { 0 } else { seconds };
            Disruption::Jump { place, offset: if dice.chance(50.0) { offset } else { -offset } }
        }
        83..88 => Disruption::Freeze(service),
        88..95 => Disruption::Refuse(service, dice.ms(50..600)),
        _ => Disruption::Revoke,
    };
    (gap, Some(disruption))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const OPERATIONS: [Operation; 13] = [
        Operation::Token,
        Operation::ListKeys,
        Operation::ListVersions,
        Operation::GetKey,
        Operation::Sign,
        Operation::Account,
        Operation::Metadata,
        Operation::ReadItem,
        Operation::CreateItem,
        Operation::ReplaceItem,
        Operation::Execution,
        Operation::Query,
        Operation::UnwrapKey,
    ];

    #[test]
    fn every_operation_meets_each_of_its_faults_and_mostly_none() {
        for operation in OPERATIONS {
            let (_, percent, ways) = ways(operation).unwrap();
            let met: Vec<_> = (0..20_000).filter_map(|number| fault(Seed(1), operation, number)).collect();
            let names: HashSet<_> = met.iter().map(name).collect();
            let expected: HashSet<_> = (0..50)
                .flat_map(|number| {
                    let mut dice = Seed(2).dice(Stream::Disruptions, number);
                    ways.iter().map(|(_, way)| name(&way(&mut dice))).collect::<Vec<_>>()
                })
                .collect();
            assert_eq!(names, expected, "{operation:?}");
            let share = f64::from(u32::try_from(met.len()).unwrap()) / 200.0;
            assert!((percent * 0.8..percent * 1.2).contains(&share), "{operation:?}: {share} %");
        }
    }

    #[test]
    fn without_clocks_only_the_jumps_are_missing() {
        let drawn =
            |clocks: &[usize]| (0..500).map(|number| disruption(Seed(3), number, 4, clocks)).collect::<Vec<_>>();
        let (with, without) = (drawn(&[2, 3]), drawn(&[]));
        for (with, without) in with.iter().zip(&without) {
            assert_eq!(with.0, without.0);
            assert!(with.1 == without.1 || matches!((with.1, without.1), (Some(Disruption::Jump { .. }), None)));
        }
        let jumps = with.iter().filter(|(_, it)| matches!(it, Some(Disruption::Jump { .. }))).count();
        assert!((60..120).contains(&jumps), "{jumps}");
    }
}
