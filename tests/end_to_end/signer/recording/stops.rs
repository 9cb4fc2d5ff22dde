//! Stops in the ledger: a mark that is stopped signs nothing, and a resume returns to where it was.

use super::{deadline, id, record, request};
use crate::support::eventually::eventually;
use crate::support::marks::{Fault, MemoryMarks};
use azurehsm_signer::marks::{
    EmbeddedMarkStore, KeyStopped, Ledger, Lifted, MarkStopped, MarkStore, NotRecorded, NotSafe, Raised, STOPPED_AT,
    SeenOnChain, Stop, StopId, StoreRole,
};
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};
use azurehsm_signer::tezos::{ChainId, Digest};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use time::OffsetDateTime;

fn at(level: i32) -> Position {
    Position { level: level.try_into().unwrap(), round: NonNegative::ZERO }
}

fn stop(reason: &str) -> Stop {
    Stop::new(reason, "alice", OffsetDateTime::now_utc(), None, None).unwrap()
}

fn stopped_by<T>(answer: Result<T, NotRecorded>) -> Option<StopId> {
    match answer {
        Err(NotRecorded::NotSafe(NotSafe::Stopped { stop, .. })) => Some(stop.id),
        _ => None,
    }
}

#[tokio::test]
async fn a_stopped_mark_signs_nothing_and_a_resume_returns_to_where_it_was() {
    for kind in [Kind::Block, Kind::Attestation] {
        let store = Arc::new(MemoryMarks::default());
        let ledger = |name: &str| Ledger::new(Arc::clone(&store) as _, name);
        let (signer, operator, id) = (ledger("signer"), ledger("operator"), id(kind));
        let signed = record(&signer, &request(kind, 7, 0, 1)).await.unwrap();
        let (one, other) = (stop("one"), stop("other"));
        assert_eq!(operator.stop(&id, &one, None, deadline()).await, Ok(MarkStopped::From(Some(at(7)))));
        assert_eq!(operator.stop(&id, &one, None, deadline()).await, Ok(MarkStopped::Before));
        let mark = store.get(&id).unwrap();
        assert_eq!((mark.position, mark.digest, mark.true_position()), (STOPPED_AT, None, at(7)));

        for (level, variant) in [(7, 1), (7, 2), (8, 1), (6, 1), (i32::MAX, 1)] {
            let answer = record(&signer, &request(kind, level, 0, variant)).await;
            assert_eq!(stopped_by(answer), Some(one.id), "{kind} at {level}");
        }
        operator.stop(&id, &other, None, deadline()).await.unwrap();
        let lifted = operator.lift(&id, &[one.id], None, deadline()).await.unwrap();
        assert_eq!(lifted, Lifted::OtherStops(vec![other.clone()]));
        let lifted = operator.lift(&id, &[one.id, other.id], None, deadline()).await.unwrap();
        assert_eq!(lifted, Lifted::To { from: Some(at(7)), to: at(7) });
        assert_eq!(operator.lift(&id, &[one.id], None, deadline()).await, Ok(Lifted::NotStopped));

        assert_eq!(record(&signer, &request(kind, 7, 0, 1)).await.unwrap(), signed, "{kind}: a repeat");
        assert!(record(&signer, &request(kind, 7, 0, 2)).await.is_err());
        record(&signer, &request(kind, 8, 0, 1)).await.unwrap();
    }
}

#[tokio::test]
async fn the_position_inside_a_stop_never_falls() {
    let store = Arc::new(MemoryMarks::default());
    let (ledger, id) = (Ledger::new(Arc::clone(&store) as _, "test"), id(Kind::Attestation));
    let (one, other) = (stop("one"), stop("other"));
    assert_eq!(ledger.stop(&id, &one, None, deadline()).await, Ok(MarkStopped::From(None)), "created where absent");
    assert_eq!(ledger.stop(&id, &other, Some(at(9)), deadline()).await, Ok(MarkStopped::From(Some(at(0)))));
    assert_eq!(ledger.raise(&id, at(8), None, None, deadline()).await, Ok(Raised::Kept(at(9))));
    assert_eq!(ledger.raise(&id, at(11), None, None, deadline()).await, Ok(Raised::From(Some(at(9)))));
    assert_eq!(store.get(&id).unwrap().stops().len(), 2);
    let lifted = ledger.lift(&id, &[one.id, other.id], Some(at(10)), deadline()).await;
    assert_eq!(lifted, Ok(Lifted::To { from: Some(at(11)), to: at(11) }));
    assert!(record(&ledger, &request(Kind::Attestation, 11, 0, 1)).await.is_err());
    record(&ledger, &request(Kind::Attestation, 12, 0, 1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_repeated_until_it_is_accepted() {
    for fault in [Fault::AnswerLost, Fault::WriteLost, Fault::WriteLate, Fault::WrittenTwice] {
        let store = Arc::new(MemoryMarks::default());
        let (ledger, id, one) = (Ledger::new(Arc::clone(&store) as _, "test"), id(Kind::Block), stop("one"));
        record(&ledger, &request(Kind::Block, 7, 0, 1)).await.unwrap();
        store.inject(fault);
        assert_eq!(ledger.stop(&id, &one, None, deadline()).await, Ok(MarkStopped::From(Some(at(7)))), "{fault:?}");
        store.inject(fault);
        let lifted = ledger.lift(&id, &[one.id], None, deadline()).await;
        assert_eq!(lifted, Ok(Lifted::To { from: Some(at(7)), to: at(7) }), "{fault:?}");
    }
}

/// A process creates a mark after the command that stops the key has listed the marks.
#[tokio::test]
async fn a_process_that_creates_a_mark_finds_the_stop_and_writes_it_into_the_mark() {
    for kind in [Kind::Block, Kind::Attestation] {
        let store = Arc::new(MemoryMarks::default());
        let ledger = |name: &str| Ledger::new(Arc::clone(&store) as _, name);
        let (operator, id) = (ledger("operator"), id(kind));
        let stops = [stop("one"), stop("other")];
        for stop in &stops {
            operator.stop_key(&id.key, stop, deadline()).await.unwrap();
        }
        let answer = record(&ledger("first"), &request(kind, 7, 0, 1)).await;
        assert_eq!(stopped_by(answer), Some(stops[0].id), "{kind}");
        assert_eq!(store.get(&id).unwrap().stops(), stops, "{kind}");
        assert!(stopped_by(record(&ledger("second"), &request(kind, 8, 0, 1)).await).is_some(), "{kind}");
    }
}

/// Like every other call to the store.
#[tokio::test(start_paused = true)]
async fn the_outcome_of_a_write_to_the_stop_item_counts_and_is_reported() {
    for (fault, expected) in [(Fault::WriteLost, "last error: injected"), (Fault::WriteRefused, "injected")] {
        let store = Arc::new(MemoryMarks::default());
        let (ledger, key, one) = (Ledger::new(Arc::clone(&store) as _, "test"), id(Kind::Block).key, stop("one"));
        (0..1000).for_each(|_| store.inject(fault));
        let error = ledger.stop_key(&key, &one, deadline()).await.unwrap_err();
        assert!(error.log().ends_with(expected), "{fault:?}: {}", error.log());
        assert!(!ledger.is_answered(), "{fault:?}");
    }
    let store = Arc::new(MemoryMarks::default());
    let (ledger, key, one) = (Ledger::new(Arc::clone(&store) as _, "test"), id(Kind::Block).key, stop("one"));
    for fault in [Fault::AnswerLost, Fault::WriteLost] {
        store.inject(fault);
        assert_eq!(ledger.stop_key(&key, &one, deadline()).await, Ok(KeyStopped::Yes), "{fault:?}");
        store.inject(fault);
        assert_eq!(ledger.resume_key(&key, &[one.id], deadline()).await, Ok(vec![]), "{fault:?}");
        assert!(ledger.is_answered(), "{fault:?}");
    }
}

/// Another process has created the mark, and died before it read the stops.
#[tokio::test]
async fn a_mark_whose_creator_died_is_released_only_after_the_stops_were_read() {
    let store = Arc::new(MemoryMarks::default());
    let (ledger, id, one) = (Ledger::new(Arc::clone(&store) as _, "test"), id(Kind::Attestation), stop("one"));
    record(&ledger, &request(Kind::Attestation, 7, 0, 1)).await.unwrap();
    ledger.stop_key(&id.key, &one, deadline()).await.unwrap();
    assert!(!store.get(&id).unwrap().stoppable);
    for (level, variant) in [(7, 1), (8, 1)] {
        let other = Ledger::new(Arc::clone(&store) as _, "other");
        let answer = record(&other, &request(Kind::Attestation, level, 0, variant)).await;
        assert_eq!(stopped_by(answer), Some(one.id), "level {level}");
    }
}

#[tokio::test]
async fn the_stops_are_read_once_for_each_mark() {
    let store = Arc::new(MemoryMarks::default());
    let (ledger, id) = (Ledger::new(Arc::clone(&store) as _, "test"), id(Kind::Attestation));
    for level in 1..10 {
        record(&ledger, &request(Kind::Attestation, level, 0, 1)).await.unwrap();
    }
    assert!(store.get(&id).unwrap().stoppable);
    record(&Ledger::new(Arc::clone(&store) as _, "other"), &request(Kind::Attestation, 10, 0, 1)).await.unwrap();
    assert_eq!(store.reads_of_stops.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_stop_of_one_chain_does_not_cover_another() {
    let ledger = Ledger::new(Arc::new(MemoryMarks::default()), "test");
    let id = id(Kind::Attestation);
    let chain = Some(ChainId::from_bytes([1; 4]));
    let elsewhere = Stop::new("one", "alice", OffsetDateTime::now_utc(), chain, None).unwrap();
    ledger.stop_key(&id.key, &elsewhere, deadline()).await.unwrap();
    record(&ledger, &request(Kind::Attestation, 7, 0, 1)).await.unwrap();
}

#[tokio::test]
async fn acknowledged_evidence_never_stops_a_key_again() {
    let ledger = Ledger::new(Arc::new(MemoryMarks::default()), "test");
    let id = id(Kind::Attestation);
    let evidence = SeenOnChain {
        id: Digest::from_bytes([9; 32]),
        chain: id.chain,
        kind: id.kind,
        position: at(7),
        source: "oo".to_owned(),
    };
    let foreign = |reason| Stop::new(reason, "one", OffsetDateTime::now_utc(), None, Some(evidence.clone())).unwrap();
    let (first, second, by_hand) = (foreign("first"), foreign("second"), stop("by hand"));
    for stop in [&first, &by_hand, &first] {
        assert_eq!(ledger.stop_key(&id.key, stop, deadline()).await, Ok(KeyStopped::Yes));
    }
    assert_eq!(ledger.stops_of(&id.key, deadline()).await.unwrap().unwrap().stops.len(), 2);
    assert_eq!(ledger.resume_key(&id.key, &[first.id], deadline()).await, Ok(vec![by_hand.clone()]));
    assert_eq!(ledger.stop_key(&id.key, &second, deadline()).await, Ok(KeyStopped::Acknowledged));
    assert_eq!(ledger.stops_of(&id.key, deadline()).await.unwrap().unwrap().stops, [by_hand]);
}

/// The file survives the process, and only an operator lifts a stop in it.
#[tokio::test]
async fn the_embedded_store_keeps_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marks.redb");
    let (id, one) = (id(Kind::Attestation), stop("one"));
    let open = async || {
        let store =
            EmbeddedMarkStore::open_when_free(&path, StoreRole::Signing, Duration::from_secs(20)).await.unwrap();
        Ledger::new(Arc::new(store), "test")
    };
    let ledger = open().await;
    record(&ledger, &request(Kind::Attestation, 7, 0, 1)).await.unwrap();
    ledger.stop_key(&id.key, &one, deadline()).await.unwrap();
    ledger.stop(&id, &one, None, deadline()).await.unwrap();
    assert!(ledger.lift(&id, &[one.id], None, deadline()).await.is_err(), "not by the signer");
    assert!(ledger.resume_key(&id.key, &[one.id], deadline()).await.is_err(), "not by the signer");
    drop(ledger);
    for _ in 0..2 {
        let ledger = open().await;
        assert_eq!(stopped_by(record(&ledger, &request(Kind::Attestation, 8, 0, 1)).await), Some(one.id));
    }

    let store =
        Arc::new(eventually("the store is free", || EmbeddedMarkStore::open_to_raise(&path, StoreRole::Signing).ok()));
    let listing = store.list().await.unwrap();
    assert_eq!((listing.marks.len(), listing.stops.len(), listing.unreadable.len()), (1, 1, 0));
    assert_eq!(store.read_stops(&id.key, deadline()).await.unwrap().unwrap().stops.stops, std::slice::from_ref(&one));
    let operator = Ledger::new(store, "operator");
    operator.lift(&id, &[one.id], Some(at(20)), deadline()).await.unwrap();
    assert_eq!(operator.resume_key(&id.key, &[one.id], deadline()).await, Ok(vec![]));
    drop(operator);
    let ledger = open().await;
    assert!(record(&ledger, &request(Kind::Attestation, 20, 0, 1)).await.is_err());
    record(&ledger, &request(Kind::Attestation, 21, 0, 1)).await.unwrap();
}
