//! The ledger's view of its store's health, and raising marks by hand while the store fails.

use crate::support::marks::{Fault, MemoryMarks};
use crate::support::payloads::MAINNET;
use async_trait::async_trait;
use azurehsm_signer::marks::{
    KeyStops, Ledger, Mark, MarkId, MarkStore, NotRecorded, NotSafe, Raised, Request, StoreError, Stored, StoredStops,
    Version, VoteOrBlock, VoteRecorded, WriteError,
};
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};
use azurehsm_signer::tezos::{Digest, PublicKeyHash};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, advance, timeout};

fn id() -> MarkId {
    let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
    MarkId { chain: MAINNET.parse().unwrap(), key: key.parse().unwrap(), kind: Kind::Attestation }
}

fn at(level: i32) -> Position {
    Position { level: level.try_into().unwrap(), round: NonNegative::ZERO }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(4)
}

fn request(level: i32) -> Request {
    let digest = Digest::from_bytes([7; 32]);
    Request { id: id(), position: at(level), digest, jump_limit: None, max_level: None, requester: None }
}

async fn record(ledger: &Ledger, level: i32) -> Result<VoteRecorded, NotRecorded> {
    let VoteOrBlock::Vote(vote) = request(level).split() else { panic!("not a vote") };
    ledger.record_vote(&vote, deadline()).await
}

/// Records a vote at a level; returns whether that worked.
async fn vote(ledger: &Ledger, level: i32) -> bool {
    record(ledger, level).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_store_counts_as_failed_until_it_answers_or_half_a_minute_is_over() {
    let store = Arc::new(MemoryMarks::default());
    let ledger = Ledger::new(Arc::clone(&store) as _, "test");
    assert!(ledger.is_answered(), "there was no call yet");
    for (fault, level) in [(Fault::ReadFails, 1), (Fault::WriteRefused, 2)] {
        store.inject(fault);
        assert!(!vote(&ledger, level).await, "{fault:?}");
        assert!(!ledger.is_answered(), "{fault:?}");
        assert!(vote(&ledger, level).await);
        assert!(ledger.is_answered(), "{fault:?}, and an answer");
    }

    store.inject(Fault::WriteRefused);
    vote(&ledger, 3).await;
    advance(Duration::from_secs(30)).await;
    assert!(!ledger.is_answered());
    advance(Duration::from_millis(1)).await;
    assert!(ledger.is_answered());
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_call_counts_as_failed() {
    let store = Arc::new(MemoryMarks::with_delay(Duration::from_secs(1)));
    let ledger = Ledger::new(store, "test");
    for level in [1, 2] {
        timeout(Duration::from_millis(900), vote(&ledger, level)).await.unwrap_err();
        assert!(!ledger.is_answered());
        assert!(vote(&ledger, level).await);
        assert!(ledger.is_answered());
    }
}

#[tokio::test]
async fn a_conflict_with_another_writer_counts_as_an_answer() {
    let store = Arc::new(MemoryMarks::default());
    let ledger = Ledger::new(Arc::clone(&store) as _, "test");
    vote(&ledger, 1).await;
    assert!(vote(&Ledger::new(Arc::clone(&store) as _, "other"), 5).await);
    assert!(!vote(&ledger, 3).await, "the other mark is higher");
    assert!(ledger.is_answered());
}

#[tokio::test(start_paused = true)]
async fn raising_survives_unclear_writes_and_recognizes_its_own() {
    // Faults of the writes, and the result of raising to level 9.
    let rows = [
        (vec![], Raised::From(Some(at(5)))),
        (vec![Fault::AnswerLost], Raised::From(Some(at(5)))),
        (vec![Fault::WriteLate], Raised::From(Some(at(5)))),
        (vec![Fault::WriteLost; 12], Raised::From(Some(at(5)))),
    ];
    for (faults, expected) in rows {
        let store = Arc::new(MemoryMarks::default());
        let ledger = Ledger::new(Arc::clone(&store) as _, "test");
        assert_eq!(ledger.raise(&id(), at(5), None, None, deadline()).await, Ok(Raised::From(None)));
        let name = format!("{faults:?}");
        for fault in faults {
            store.inject(fault);
        }
        assert_eq!(ledger.raise(&id(), at(9), None, None, deadline()).await, Ok(expected), "{name}");
        assert_eq!(store.get(&id()).unwrap().position, at(9), "{name}");
        assert_eq!(ledger.raise(&id(), at(9), None, None, deadline()).await, Ok(Raised::Kept(at(9))));
    }
}

#[tokio::test(start_paused = true)]
async fn raising_that_fails_reports_the_reason() {
    for (fault, times, expected, waits) in [
        (Fault::ReadFails, 1, "injected", false),
        (Fault::WriteRefused, 1, "injected", false),
        (Fault::WriteLost, 10_000, "no answer within the request's deadline (REQUEST_DEADLINE_MS); last error", true),
    ] {
        let store = Arc::new(MemoryMarks::default());
        let ledger = Ledger::new(Arc::clone(&store) as _, "test");
        (0..times).for_each(|_| store.inject(fault));
        let start = Instant::now();
        let error = ledger.raise(&id(), at(9), None, None, deadline()).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{fault:?}: {error}");
        assert_eq!(start.elapsed() >= Duration::from_secs(4), waits, "{fault:?}");
        assert_eq!(store.get(&id()), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repair_replaces_only_the_version_that_was_read() {
    // The fault of the write, the result of the repair, and the mark's position afterwards.
    let rows = [
        (None, Ok(Raised::Repaired), 9),
        (Some(Fault::AnswerLost), Ok(Raised::Repaired), 9),
        (Some(Fault::WriteLost), Err("injected"), 5),
        (Some(Fault::WriteRefused), Err("injected"), 5),
    ];
    for (fault, expected, is_at) in rows {
        let store = Arc::new(MemoryMarks::default());
        let ledger = Ledger::new(Arc::clone(&store) as _, "test");
        ledger.raise(&id(), at(1), None, None, deadline()).await.unwrap();
        let older = store.read(&id(), deadline()).await.unwrap().unwrap().version;
        ledger.raise(&id(), at(5), None, None, deadline()).await.unwrap();
        let version = store.read(&id(), deadline()).await.unwrap().unwrap().version;

        let error = ledger.repair(&id(), at(9), None, None, &older, deadline()).await.unwrap_err().to_string();
        assert!(error.contains("changed by another writer"), "{error}");
        if let Some(fault) = fault {
            store.inject(fault);
        }
        let answer = ledger.repair(&id(), at(9), None, None, &version, deadline()).await;
        match (&answer, expected) {
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{fault:?}: {error}"),
            _ => assert_eq!(answer.ok(), expected.ok(), "{fault:?}"),
        }
        assert_eq!(store.get(&id()).unwrap().position, at(is_at), "{fault:?}");
    }
}

/// A store that leaves every write unclear, and whose reads return these answers in order.
struct Unclear(Mutex<Vec<Read>>);

#[derive(Clone, Copy)]
enum Read {
    Nothing,
    Fails,
    IsLate,
}

#[async_trait]
impl MarkStore for Unclear {
    async fn read(&self, _: &MarkId, deadline: Instant) -> Result<Option<Stored>, StoreError> {
        let next = self.0.lock().unwrap().remove(0);
        match next {
            Read::Nothing => Ok(None),
            Read::Fails => Err(StoreError::new("it cannot be read")),
            Read::IsLate => {
                tokio::time::sleep_until(deadline).await;
                Err(StoreError::deadline(None))
            }
        }
    }

    async fn write(&self, _: &MarkId, _: &Mark, _: Option<&Version>, _: Instant) -> Result<Version, WriteError> {
        Err(WriteError::Unknown(StoreError::new("the write got no answer")))
    }

    async fn read_stops(&self, _: &PublicKeyHash, _: Instant) -> Result<Option<StoredStops>, StoreError> {
        Ok(None)
    }

    async fn write_stops(
        &self,
        _: &PublicKeyHash,
        _: &KeyStops,
        _: Option<&Version>,
        _: Instant,
    ) -> Result<Version, WriteError> {
        Err(WriteError::Unknown(StoreError::new("the write got no answer")))
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_about_an_unclear_write_has_the_error_of_the_write() {
    for (last, expected) in
        [(Read::IsLate, "last error: the write got no answer"), (Read::Fails, "cannot be used: it cannot be read")]
    {
        for is_raise in [false, true] {
            let ledger = Ledger::new(Arc::new(Unclear(Mutex::new(vec![Read::Nothing, Read::Nothing, last]))), "test");
            let text = if is_raise {
                ledger.raise(&id(), at(9), None, None, deadline()).await.unwrap_err().to_string()
            } else {
                record(&ledger, 9).await.unwrap_err().to_string()
            };
            assert!(text.contains(expected), "{text}");
        }
    }
}

/// A store that was created in place of a lost one.
struct Recreated(MemoryMarks);

#[async_trait]
impl MarkStore for Recreated {
    async fn read(&self, id: &MarkId, deadline: Instant) -> Result<Option<Stored>, StoreError> {
        self.0.read(id, deadline).await
    }

    async fn write(
        &self,
        id: &MarkId,
        mark: &Mark,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError> {
        self.0.write(id, mark, expected, deadline).await
    }

    async fn read_stops(&self, key: &PublicKeyHash, deadline: Instant) -> Result<Option<StoredStops>, StoreError> {
        self.0.read_stops(key, deadline).await
    }

    async fn write_stops(
        &self,
        key: &PublicKeyHash,
        stops: &KeyStops,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError> {
        self.0.write_stops(key, stops, expected, deadline).await
    }

    async fn may_have_lost(&self, _: &MarkId) -> Result<bool, StoreError> {
        Ok(true)
    }
}

#[tokio::test]
async fn a_mark_that_may_be_lost_is_not_treated_as_absent() {
    let ledger = Ledger::new(Arc::new(Recreated(MemoryMarks::default())), "test");
    let lost = NotRecorded::NotSafe(NotSafe::MarkLost { id: id() });
    assert_eq!(record(&ledger, 7).await, Err(lost));
    assert_eq!(ledger.raise(&id(), at(7), None, None, deadline()).await, Ok(Raised::From(None)));
    assert!(!vote(&ledger, 7).await);
    assert!(vote(&ledger, 8).await);
}

#[tokio::test]
async fn a_jump_is_measured_from_the_highest_mark_of_the_other_kinds() {
    for (other, level, is_recorded) in [(Kind::Attestation, 1100, true), (Kind::Preattestation, 1101, false)] {
        let ledger = Ledger::new(Arc::new(MemoryMarks::default()), "test");
        let of = |kind| MarkId { kind, ..id() };
        ledger.raise(&of(Kind::Block), at(7), None, None, deadline()).await.unwrap();
        ledger.raise(&of(other), at(1000), None, None, deadline()).await.unwrap();
        let request = Request { id: of(Kind::Block), jump_limit: Some(100), ..request(level) };
        let signature = azurehsm_signer::tezos::Signature::P256([1; 64]);
        let VoteOrBlock::Block(block) = request.split() else { panic!("not a block") };
        let answer = ledger.record_block(&block, deadline(), async || Ok::<_, NotRecorded>(signature)).await;
        assert_eq!(answer.is_ok(), is_recorded, "{other} at 1000, block at {level}: {answer:?}");
    }
}
