//! Carries out the disruptions of a storm.

use crate::dice::Seed;
use crate::fleet::{Fleet, SignerAction};
use crate::storm::{Disruption, Service, disruption};
use stand_ins::Azure;
use std::sync::Arc;
use std::time::Instant;

/// Disrupts until the end; returns the number of outages. `clocks` are the places whose wall clocks can jump.
pub(crate) async fn disrupt(seed: Seed, end: Instant, fleet: &Fleet, azure: &Arc<Azure>, clocks: &[usize]) -> u64 {
    let (mut outages, mut refusing) = (0, Vec::new());
    let mut at = Instant::now();
    for number in 0.. {
        let (gap, disruption) = disruption(seed, number, fleet.len(), clocks);
        at += gap;
        tokio::time::sleep_until(at.min(end).into()).await;
        if at >= end {
            break;
        }
        match disruption {
            None => {}
            Some(Disruption::Kill { place, down }) => fleet.send(place, SignerAction::Kill { down }),
            Some(Disruption::Pause { place, length }) => fleet.send(place, SignerAction::Pause { length }),
            Some(Disruption::Jump { place, offset }) => fleet.send(place, SignerAction::Jump { offset }),
            Some(Disruption::Freeze(service)) => {
                freeze(azure, service);
                outages += 1;
            }
            Some(Disruption::Refuse(service, length)) => {
                let azure = Arc::clone(azure);
                refusing.push(tokio::spawn(async move {
                    refuse(&azure, service, true);
                    tokio::time::sleep(length).await;
                    refuse(&azure, service, false);
                }));
                outages += 1;
            }
            Some(Disruption::Revoke) => {
                azure.identity.revoke_all();
                outages += 1;
            }
        }
    }
    for refusing in refusing {
        drop(refusing.await);
    }
    outages
}

fn freeze(azure: &Azure, service: Service) {
    match service {
        Service::Identity => azure.identity.freeze_connections(),
        Service::KeyVault => azure.key_vault.freeze_connections(),
        Service::Cosmos => azure.cosmos.freeze_connections(),
    }
}

fn refuse(azure: &Azure, service: Service, refuse: bool) {
    match service {
        Service::Identity => azure.identity.refuse_connections(refuse),
        Service::KeyVault => azure.key_vault.refuse_connections(refuse),
        Service::Cosmos => azure.cosmos.refuse_connections(refuse),
    }
}
