//! The ledger and its stores, case by case: contention, lost marks, lost answers, and raising.

use super::{deadline, id, record, request};
use crate::support::marks::{Fault, MemoryMarks};
use azurehsm_signer::marks::{
    AttemptId, EmbeddedMarkStore, Ledger, Mark, MarkStore, NotRecorded, Request, StoreRole, WriteError,
};
use azurehsm_signer::tezos::ChainId;
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn the_embedded_store_compares_before_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedMarkStore::open(&folder.path().join("marks.redb"), StoreRole::Signing).unwrap();
    let id = id(Kind::Attestation);
    let mark = |level: i32| {
        let position = Position { level: level.try_into().unwrap(), round: NonNegative::ZERO };
        Mark::new(position, None, None, AttemptId::random().unwrap(), None)
    };
    let first = store.write(&id, &mark(5), None, deadline()).await.unwrap();
    assert!(matches!(store.write(&id, &mark(6), None, deadline()).await, Err(WriteError::Changed)), "a mark exists");
    let second = store.write(&id, &mark(6), Some(&first), deadline()).await.unwrap();
    assert!(
        matches!(store.write(&id, &mark(7), Some(&first), deadline()).await, Err(WriteError::Changed)),
        "the version has changed"
    );
    for level in [5, 6] {
        let lower = store.write(&id, &mark(level), Some(&second), deadline()).await;
        assert!(matches!(lower, Err(WriteError::NotWritten(_))), "the mark would not rise");
    }
    let stored = store.read(&id, deadline()).await.unwrap().unwrap();
    assert_eq!((stored.mark.position.level.get(), stored.version), (6, second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_for_one_slot_one_digest_wins() {
    let store = Arc::new(MemoryMarks::default());
    let instances: Vec<_> = (0..4).map(|_| Arc::new(Ledger::new(Arc::clone(&store) as _, "test"))).collect();
    for level in 0..50 {
        for kind in Kind::ALL {
            let requests: Vec<_> = (0..64_u8)
                .map(|number| {
                    let ledger = Arc::clone(&instances[usize::from(number) % instances.len()]);
                    let request = request(kind, level, 0, number % 8);
                    tokio::spawn(async move { (request.digest, record(&ledger, &request).await) })
                })
                .collect();
            let mut released = HashMap::new();
            let mut refused = 0;
            for answer in requests {
                match answer.await.unwrap() {
                    (digest, Ok(signature)) => {
                        let first = *released.entry(digest).or_insert(signature);
                        assert_eq!(first, signature, "a block has two signatures");
                    }
                    (_, Err(NotRecorded::NotSafe(_))) => refused += 1,
                    (_, Err(error)) => panic!("{error}"),
                }
            }
            assert_eq!(released.len(), 1, "{kind} at level {level}");
            assert_eq!(refused, 56);
        }
    }
}

#[tokio::test]
async fn the_steady_state_is_one_write_and_no_read() {
    let store = Arc::new(MemoryMarks::default());
    let ledger = Ledger::new(Arc::clone(&store) as _, "test");
    record(&ledger, &request(Kind::Attestation, 1, 0, 1)).await.unwrap();
    let reads = store.reads.load(Ordering::Relaxed);
    for level in 2..102 {
        record(&ledger, &request(Kind::Attestation, level, 0, 1)).await.unwrap();
    }
    assert_eq!(store.reads.load(Ordering::Relaxed), reads);
    assert_eq!(store.writes.load(Ordering::Relaxed), 101);
}

#[tokio::test]
async fn invariant_1_a_repeat_is_read_again_not_taken_from_memory() {
    let store = Arc::new(MemoryMarks::default());
    let (one, other) = (Ledger::new(Arc::clone(&store) as _, "test"), Ledger::new(Arc::clone(&store) as _, "test"));
    let first = request(Kind::Attestation, 7, 0, 1);
    record(&one, &first).await.unwrap();
    record(&other, &request(Kind::Attestation, 8, 0, 1)).await.unwrap();
    let repeat = record(&one, &first).await;
    assert!(matches!(repeat, Err(NotRecorded::NotSafe(_))), "the mark is higher than `one` remembers: {repeat:?}");
}

#[tokio::test]
async fn a_store_that_has_lost_acknowledged_marks_is_not_trusted() {
    for kind in [Kind::Block, Kind::Attestation] {
        for is_forgotten in [false, true] {
            let store = Arc::new(MemoryMarks::default());
            let ledger = Ledger::new(Arc::clone(&store) as _, "test");
            record(&ledger, &request(kind, 7, 0, 1)).await.unwrap();
            let older = store.get(&id(kind));
            record(&ledger, &request(kind, 8, 0, 1)).await.unwrap();

            store.restore(&id(kind), older.filter(|_| !is_forgotten));
            for (level, variant) in [(8, 1), (8, 2), (9, 1), (7, 1)] {
                let answer = record(&ledger, &request(kind, level, 0, variant)).await;
                assert!(answer.is_err(), "{kind} at level {level}");
            }
            let Err(NotRecorded::Lost(error)) = record(&ledger, &request(kind, 9, 0, 1)).await else {
                panic!("{kind}")
            };
            assert!(error.to_string().contains("has lost what it acknowledged"), "{error}");

            // Marks of other kinds of the same key may be lost, too.
            let other = request(Kind::Preattestation, 9, 0, 1);
            assert!(matches!(record(&ledger, &other).await, Err(NotRecorded::Lost(_))), "{kind}");

            // Another instance, or this one after a restart, cannot know, so an operator must raise the mark.
            let raise = Position { level: 8.try_into().unwrap(), round: NonNegative::ZERO };
            Ledger::new(Arc::clone(&store) as _, "test").raise(&id(kind), raise, None, None, deadline()).await.unwrap();
            record(&ledger, &request(kind, 9, 0, 1)).await.unwrap();
            record(&ledger, &other).await.unwrap();
        }
    }
}

/// As in a recreated container, in which another instance has signed other data.
#[tokio::test]
async fn another_mark_at_an_acknowledged_position_stops_the_key() {
    for kind in [Kind::Block, Kind::Attestation] {
        let store = Arc::new(MemoryMarks::default());
        let ledger = Ledger::new(Arc::clone(&store) as _, "test");
        record(&ledger, &request(kind, 7, 0, 1)).await.unwrap();
        store.restore(&id(kind), None);
        record(&Ledger::new(Arc::clone(&store) as _, "other"), &request(kind, 7, 0, 2)).await.unwrap();
        for next in [request(kind, 8, 0, 1), request(Kind::Preattestation, 8, 0, 1)] {
            let answer = record(&ledger, &next).await;
            assert!(matches!(answer, Err(NotRecorded::Lost(_))), "{kind}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn votes_on_invented_chains_hit_a_limit_and_make_the_process_forget_nothing() {
    let store = Arc::new(MemoryMarks::default());
    let mainnet = id(Kind::Attestation).chain;
    let ledger = Ledger::new(Arc::clone(&store) as _, "test").with_known_chains(vec![mainnet]);
    record(&ledger, &request(Kind::Attestation, 7, 0, 1)).await.unwrap();
    let mut rejected = 0;
    for chain in 0..5000_u32 {
        let mut invented = request(Kind::Attestation, 1, 0, 1);
        invented.id.chain = ChainId::from_bytes(chain.to_be_bytes());
        let answer = record(&ledger, &invented).await;
        rejected += usize::from(matches!(answer, Err(NotRecorded::TooManyChains { .. })));
    }
    assert_eq!(rejected, 5000 - 64);
    store.restore(&id(Kind::Attestation), None);
    let answer = record(&ledger, &request(Kind::Attestation, 8, 0, 1)).await;
    assert!(matches!(answer, Err(NotRecorded::Lost(_))), "{answer:?}");
}

#[tokio::test]
async fn a_mark_records_its_writer_and_the_requester() {
    let store = Arc::new(MemoryMarks::default());
    let requester = Some(id(Kind::Attestation).key);
    let before = time::OffsetDateTime::now_utc().truncate_to_millisecond();
    let request = Request { requester, ..request(Kind::Attestation, 7, 0, 1) };
    record(&Ledger::new(Arc::clone(&store) as _, "instance 1"), &request).await.unwrap();
    let written = store.get(&id(Kind::Attestation)).unwrap().written.unwrap();
    assert_eq!((written.instance.as_str(), written.requester), ("instance 1", requester));
    assert!(before <= written.at && written.at <= time::OffsetDateTime::now_utc());
}

#[tokio::test(start_paused = true)]
async fn repeated_unclear_writes_fail_at_the_deadline() {
    let store = Arc::new(MemoryMarks::default());
    (0..100).for_each(|_| store.inject(Fault::WriteLost));
    let start = Instant::now();
    let answer = record(&Ledger::new(Arc::clone(&store) as _, "test"), &request(Kind::Block, 1, 0, 1)).await;
    let Err(NotRecorded::Store(error)) = answer else { panic!("{answer:?}") };
    assert!(error.to_string().ends_with("last error: injected"), "{error}");
    assert!(start.elapsed() >= Duration::from_secs(4), "{:?}", start.elapsed());
    assert!(store.get(&id(Kind::Block)).is_none());
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_recognized_as_its_own() {
    for kind in Kind::ALL {
        for fault in [Fault::AnswerLost, Fault::WriteLate, Fault::WriteLost] {
            let store = Arc::new(MemoryMarks::default());
            store.inject(fault);
            let request = request(kind, 3, 1, 1);
            let signature = record(&Ledger::new(Arc::clone(&store) as _, "test"), &request).await.unwrap();
            let mark = store.get(&id(kind)).unwrap();
            assert_eq!(
                (mark.position, mark.digest, mark.signature),
                (request.position, Some(request.digest), signature)
            );
        }
    }
}

#[tokio::test]
async fn invariant_2_raising_never_lowers() {
    let store = Arc::new(MemoryMarks::default());
    let ledger = Ledger::new(Arc::clone(&store) as _, "test");
    let id = id(Kind::Block);
    let at = |level: i32| Position { level: level.try_into().unwrap(), round: NonNegative::ZERO };
    for (to, is_at) in [(5, 5), (3, 5), (5, 5), (9, 9), (8, 9)] {
        ledger.raise(&id, at(to), None, None, deadline()).await.unwrap();
        assert_eq!(store.get(&id).unwrap().position, at(is_at), "after raising to {to}");
    }
}
