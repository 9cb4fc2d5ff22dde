//! Stops that the witness has made, or that somebody else left unfinished.

use super::scene::{OURS, Scene, with_history};
use azurehsm_signer::marks::{EmbeddedMarkStore, Ledger, MarkId, Stop, StoreRole};
use azurehsm_signer::tezos::ChainId;
use azurehsm_signer::tezos::payload::Kind;
use oracle::chain::Key;
use oracle::crypto::Curve;
use oracle::payload::consensus;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::support::eventually::eventually;

/// Changes the store of a signer that does not run, and waits until the store is free again.
fn change(folder: &Path, change: impl AsyncFnOnce(&Ledger, Instant)) {
    let path = folder.join("marks.redb");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = EmbeddedMarkStore::open_to_raise(&path, StoreRole::Signing).unwrap();
        let ledger = Ledger::new(Arc::new(store), "an operator");
        change(&ledger, Instant::now() + Duration::from_secs(10)).await;
    });
    eventually("a store that is free", || EmbeddedMarkStore::open_to_read(&path).ok());
}

fn mark(key: &Key, kind: Kind) -> MarkId {
    MarkId { chain: ChainId::MAINNET, key: key.hash.parse().unwrap(), kind }
}

/// The evidence is at a level that was signed here, too, and the key is resumed without raising its marks.
#[test]
fn evidence_that_an_operator_has_acknowledged_stops_the_key_only_once() {
    let (scene, ours) = with_history(Curve::P256, &[]);
    // The signer has voted for the next level before the node shows the evidence.
    scene.nodes[0].set_mode(stand_ins::NodeMode::Halted);
    let (head, level) = (scene.head(), scene.level());
    scene.signed_here(scene.vote(OURS, consensus::Kind::Attestation, &head));
    let elsewhere = scene.vote(OURS, consensus::Kind::Attestation, &head).with_dal(1);
    scene.bake_without_us(vec![scene.signed_elsewhere(elsewhere)]);
    assert!(scene.still_signs());
    scene.nodes[0].set_mode(stand_ins::NodeMode::Synced);
    assert_eq!(scene.event("foreign_signature", &ours, level)["response"], "stopped");
    eventually("a stopped key", || (!scene.still_signs()).then_some(()));

    let scene = scene.restart(|folder| {
        change(folder, async |ledger, deadline| {
            let key = ours.hash.parse().unwrap();
            let stops: Vec<_> = ledger.stops_of(&key, deadline).await.unwrap().unwrap().stops;
            let ids: Vec<_> = stops.iter().map(|stop| stop.id).collect();
            assert_eq!(ids.len(), 1);
            for kind in Kind::ALL {
                ledger.lift(&mark(&ours, kind), &ids, None, deadline).await.unwrap();
            }
            assert_eq!(ledger.resume_key(&key, &ids, deadline).await.unwrap(), []);
        });
    });
    scene.signs_levels(1);
    scene.settle();
    assert_eq!(scene.count("foreign_signature", &ours), 0);
    assert!(scene.still_signs());
}

/// The process that stopped the key wrote its stop item, but no mark.
#[test]
fn an_unfinished_stop_is_finished() {
    let (scene, ours) = with_history(Curve::P256, &[]);
    let scene: Scene = scene.restart(|folder| {
        change(folder, async |ledger, deadline| {
            let stop = Stop::new("a drill", "an operator", OffsetDateTime::UNIX_EPOCH, None, None).unwrap();
            ledger.stop_key(&ours.hash.parse().unwrap(), &stop, deadline).await.unwrap();
        });
    });
    eventually("a stopped key", || (!scene.still_signs()).then_some(()));
}
