//! The ledger against a model: whatever is asked, whatever the store does, and whoever else writes.

use crate::support::marks::{Fault, MemoryMarks};
use crate::support::payloads::MAINNET;
use azurehsm_signer::marks::{
    AttemptId, EmbeddedMarkStore, Ledger, Mark, MarkId, MarkStore, NotRecorded, Request, VoteOrBlock, WriteError,
};
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};
use azurehsm_signer::tezos::{ChainId, Digest, Signature};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::time::Instant;

const INSTANCES: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    Ask {
        instance: usize,
        kind: Kind,
        level: i32,
        round: i32,
        variant: u8,
    },
    /// The caller goes away after so many turns of the runtime.
    AskAndGoAway {
        instance: usize,
        kind: Kind,
        level: i32,
        round: i32,
        variant: u8,
        turns: u8,
    },
    Restart {
        instance: usize,
    },
    Fault(Fault),
}

/// Judges by what was released alone: positions rise or repeat, a slot has one digest, a block one signature.
#[derive(Default)]
struct Model(HashMap<Kind, (Position, Digest, Option<Signature>)>);

impl Model {
    fn is_safe(&self, request: &Request) -> bool {
        self.0.get(&request.id.kind).is_none_or(|(position, digest, _)| {
            request.position > *position || (request.position == *position && request.digest == *digest)
        })
    }

    fn release(&mut self, request: &Request, signature: Option<Signature>) {
        assert!(self.is_safe(request), "{request:?} was released");
        let (position, _, first) =
            self.0.entry(request.id.kind).or_insert((request.position, request.digest, signature));
        if *position == request.position {
            assert_eq!(*first, signature, "a second signature of {request:?} was released");
        } else {
            self.0.insert(request.id.kind, (request.position, request.digest, signature));
        }
    }
}

fn asks() -> impl Strategy<Value = Step> {
    let kinds = prop_oneof![Just(Kind::Block), Just(Kind::Preattestation), Just(Kind::Attestation)];
    (0..INSTANCES, kinds, 0..4_i32, 0..3_i32, 0..2_u8).prop_map(|(instance, kind, level, round, variant)| Step::Ask {
        instance,
        kind,
        level,
        round,
        variant,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let restarts = (0..INSTANCES).prop_map(|instance| Step::Restart { instance });
    prop::collection::vec(prop_oneof![8 => asks(), 1 => restarts], 1..60)
}

fn steps_with_faults() -> impl Strategy<Value = Vec<Step>> {
    let faults = prop_oneof![
        Just(Fault::AnswerLost),
        Just(Fault::WriteLost),
        Just(Fault::WriteLate),
        Just(Fault::WrittenTwice),
        Just(Fault::WriteRefused),
        Just(Fault::ReadFails),
    ];
    let restarts = (0..INSTANCES).prop_map(|instance| Step::Restart { instance });
    let leavers = (asks(), 0..12_u8).prop_map(|(step, turns)| match step {
        Step::Ask { instance, kind, level, round, variant } => {
            Step::AskAndGoAway { instance, kind, level, round, variant, turns }
        }
        other => other,
    });
    let steps = prop_oneof![6 => asks(), 2 => leavers, 1 => restarts, 3 => faults.prop_map(Step::Fault)];
    prop::collection::vec(steps, 1..60)
}

fn id(kind: Kind) -> MarkId {
    let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
    MarkId { chain: MAINNET.parse().unwrap(), key: key.parse().unwrap(), kind }
}

fn request(kind: Kind, level: i32, round: i32, variant: u8) -> Request {
    let position = Position { level: level.try_into().unwrap(), round: round.try_into().unwrap() };
    Request {
        id: id(kind),
        position,
        digest: Digest::from_bytes([variant; 32]),
        jump_limit: None,
        max_level: None,
        requester: None,
    }
}

/// Far enough away.
fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(4)
}

/// Asks for a block or a vote; every block's signature is another one, as an HSM makes them.
async fn ask(ledger: &Ledger, request: &Request) -> Result<Option<Signature>, NotRecorded> {
    static MADE: AtomicU8 = AtomicU8::new(0);
    match request.split() {
        VoteOrBlock::Block(block) => {
            let mut bytes = [1; 64];
            bytes[0] = MADE.fetch_add(1, Ordering::Relaxed);
            ledger.record_block(&block, deadline(), async || Ok(Signature::P256(bytes))).await.map(Some)
        }
        VoteOrBlock::Vote(vote) => ledger.record_vote(&vote, deadline()).await.map(|_| None),
    }
}

/// Takes the steps; `is_exact` if nothing but the model decides what is released.
async fn judge(steps: Vec<Step>, store: impl Fn() -> Arc<dyn MarkStore>, inject: impl Fn(Fault), is_exact: bool) {
    let mut model = Model::default();
    let mut instances: Vec<_> = (0..INSTANCES).map(|_| Ledger::new(store(), "test")).collect();
    for step in steps {
        match step {
            Step::Restart { instance } => instances[instance] = Ledger::new(store(), "test"),
            Step::Fault(fault) => inject(fault),
            Step::AskAndGoAway { instance, kind, level, round, variant, turns } => {
                let request = request(kind, level, round, variant);
                let leave = async {
                    for _ in 0..turns {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::select! {
                    biased;
                    () = leave => {}
                    answer = ask(&instances[instance], &request) => {
                        if let Ok(signature) = answer {
                            model.release(&request, signature);
                        }
                    }
                }
            }
            Step::Ask { instance, kind, level, round, variant } => {
                let request = request(kind, level, round, variant);
                let answer = ask(&instances[instance], &request).await;
                if is_exact {
                    assert_eq!(answer.is_ok(), model.is_safe(&request), "{request:?}: {answer:?}");
                }
                if let Ok(signature) = answer {
                    model.release(&request, signature);
                }
            }
        }
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The same, for a store in memory: pauses take no time.
fn run_at_once<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Also invariant 5: what the model calls a repeat is never refused.
    #[test]
    fn invariant_3_two_instances_release_just_what_the_model_does(steps in steps()) {
        let store = Arc::new(MemoryMarks::default());
        run_at_once(judge(steps, || Arc::clone(&store) as Arc<dyn MarkStore>, |_| {}, true));
    }

    #[test]
    fn invariants_3_and_4_hold_whatever_the_store_does(steps in steps_with_faults()) {
        let store = Arc::new(MemoryMarks::default());
        run_at_once(judge(steps, || Arc::clone(&store) as Arc<dyn MarkStore>, |fault| store.inject(fault), false));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The file is closed and opened again in the middle: marks are in it, not in memory.
    #[test]
    fn the_embedded_store_releases_just_what_the_model_does(before in steps(), after in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks.redb");
        let mut model = Model::default();
        for steps in [before, after] {
            run(async {
                let store: Arc<dyn MarkStore> = Arc::new(open_when_closed(&path).await);
                let ledger = Ledger::new(store, "test");
                for step in steps {
                    let Step::Ask { kind, level, round, variant, .. } = step else { continue };
                    let request = request(kind, level, round, variant);
                    let answer = ask(&ledger, &request).await;
                    assert_eq!(answer.is_ok(), model.is_safe(&request), "{request:?}: {answer:?}");
                    if let Ok(signature) = answer {
                        model.release(&request, signature);
                    }
                }
            });
        }
    }
}

#[tokio::test]
async fn the_embedded_store_compares_before_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedMarkStore::open(&folder.path().join("marks.redb")).unwrap();
    let id = id(Kind::Attestation);
    let mark = |level: i32| Mark {
        position: Position { level: level.try_into().unwrap(), round: NonNegative::ZERO },
        digest: None,
        signature: None,
        attempt: AttemptId::random().unwrap(),
        written: None,
    };
    let first = store.write(&id, &mark(5), None, deadline()).await.unwrap();
    assert!(
        matches!(store.write(&id, &mark(6), None, deadline()).await, Err(WriteError::Changed)),
        "there is one already"
    );
    let second = store.write(&id, &mark(6), Some(&first), deadline()).await.unwrap();
    assert!(
        matches!(store.write(&id, &mark(7), Some(&first), deadline()).await, Err(WriteError::Changed)),
        "it is another one"
    );
    for level in [5, 6] {
        let lower = store.write(&id, &mark(level), Some(&second), deadline()).await;
        assert!(matches!(lower, Err(WriteError::NotWritten(_))), "the mark would not rise");
    }
    let stored = store.read(&id, deadline()).await.unwrap().unwrap();
    assert_eq!((stored.mark.position.level.get(), stored.version), (6, second));
}

/// The thread of a store that was dropped closes the file a moment later.
async fn open_when_closed(path: &std::path::Path) -> EmbeddedMarkStore {
    loop {
        match EmbeddedMarkStore::open(path) {
            Ok(store) => return store,
            Err(azurehsm_signer::marks::OpenError::InUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_one_slot_one_digest_wins() {
    let store = Arc::new(MemoryMarks::default());
    let instances: Vec<_> = (0..4).map(|_| Arc::new(Ledger::new(Arc::clone(&store) as _, "test"))).collect();
    for level in 0..50 {
        for kind in Kind::ALL {
            let asked: Vec<_> = (0..64_u8)
                .map(|number| {
                    let ledger = Arc::clone(&instances[usize::from(number) % instances.len()]);
                    let request = request(kind, level, 0, number % 8);
                    tokio::spawn(async move { (request.digest, ask(&ledger, &request).await) })
                })
                .collect();
            let mut released = HashMap::new();
            let mut refused = 0;
            for answer in asked {
                match answer.await.unwrap() {
                    (digest, Ok(signature)) => {
                        let first = *released.entry(digest).or_insert(signature);
                        assert_eq!(first, signature, "two signatures of one block");
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
    ask(&ledger, &request(Kind::Attestation, 1, 0, 1)).await.unwrap();
    let reads = store.reads.load(Ordering::Relaxed);
    for level in 2..102 {
        ask(&ledger, &request(Kind::Attestation, level, 0, 1)).await.unwrap();
    }
    assert_eq!(store.reads.load(Ordering::Relaxed), reads);
    assert_eq!(store.writes.load(Ordering::Relaxed), 101);
}

#[tokio::test]
async fn invariant_1_a_repeat_is_read_again_and_not_taken_from_memory() {
    let store = Arc::new(MemoryMarks::default());
    let (one, other) = (Ledger::new(Arc::clone(&store) as _, "test"), Ledger::new(Arc::clone(&store) as _, "test"));
    let first = request(Kind::Attestation, 7, 0, 1);
    ask(&one, &first).await.unwrap();
    ask(&other, &request(Kind::Attestation, 8, 0, 1)).await.unwrap();
    let repeat = ask(&one, &first).await;
    assert!(matches!(repeat, Err(NotRecorded::NotSafe(_))), "what `one` remembers is no longer the mark: {repeat:?}");
}

#[tokio::test]
async fn a_store_that_has_lost_what_it_acknowledged_is_not_believed() {
    for kind in [Kind::Block, Kind::Attestation] {
        for is_forgotten in [false, true] {
            let store = Arc::new(MemoryMarks::default());
            let ledger = Ledger::new(Arc::clone(&store) as _, "test");
            ask(&ledger, &request(kind, 7, 0, 1)).await.unwrap();
            let older = store.get(&id(kind));
            ask(&ledger, &request(kind, 8, 0, 1)).await.unwrap();

            store.restore(&id(kind), older.filter(|_| !is_forgotten));
            for (level, variant) in [(8, 1), (8, 2), (9, 1), (7, 1)] {
                let answer = ask(&ledger, &request(kind, level, 0, variant)).await;
                assert!(answer.is_err(), "{kind} at level {level}");
            }
            let Err(NotRecorded::Lost(error)) = ask(&ledger, &request(kind, 9, 0, 1)).await else { panic!("{kind}") };
            assert!(error.to_string().contains("has lost what it acknowledged"), "{error}");

            // Other kinds of the same key are in doubt too.
            let other = request(Kind::Preattestation, 9, 0, 1);
            assert!(matches!(ask(&ledger, &other).await, Err(NotRecorded::Lost(_))), "{kind}");

            // Another instance, or this one after a restart, cannot know; hence the operator's raise.
            let raise = Position { level: 8.try_into().unwrap(), round: NonNegative::ZERO };
            Ledger::new(Arc::clone(&store) as _, "test").raise(&id(kind), raise, None, None, deadline()).await.unwrap();
            ask(&ledger, &request(kind, 9, 0, 1)).await.unwrap();
            ask(&ledger, &other).await.unwrap();
        }
    }
}

/// A container that was created again, and in which another instance has signed something else.
#[tokio::test]
async fn another_mark_at_the_position_that_was_acknowledged_stops_the_key() {
    for kind in [Kind::Block, Kind::Attestation] {
        let store = Arc::new(MemoryMarks::default());
        let ledger = Ledger::new(Arc::clone(&store) as _, "test");
        ask(&ledger, &request(kind, 7, 0, 1)).await.unwrap();
        store.restore(&id(kind), None);
        ask(&Ledger::new(Arc::clone(&store) as _, "other"), &request(kind, 7, 0, 2)).await.unwrap();
        for next in [request(kind, 8, 0, 1), request(Kind::Preattestation, 8, 0, 1)] {
            let answer = ask(&ledger, &next).await;
            assert!(matches!(answer, Err(NotRecorded::Lost(_))), "{kind}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn votes_on_made_up_chains_end_at_a_limit_and_make_the_process_forget_nothing() {
    let store = Arc::new(MemoryMarks::default());
    let mainnet = id(Kind::Attestation).chain;
    let ledger = Ledger::new(Arc::clone(&store) as _, "test").with_known_chains(vec![mainnet]);
    ask(&ledger, &request(Kind::Attestation, 7, 0, 1)).await.unwrap();
    let mut turned_away = 0;
    for chain in 0..5000_u32 {
        let mut made_up = request(Kind::Attestation, 1, 0, 1);
        made_up.id.chain = ChainId::from_bytes(chain.to_be_bytes());
        let answer = ask(&ledger, &made_up).await;
        turned_away += usize::from(matches!(answer, Err(NotRecorded::TooManyChains { .. })));
    }
    assert_eq!(turned_away, 5000 - 64);
    store.restore(&id(Kind::Attestation), None);
    let answer = ask(&ledger, &request(Kind::Attestation, 8, 0, 1)).await;
    assert!(matches!(answer, Err(NotRecorded::Lost(_))), "{answer:?}");
}

#[tokio::test]
async fn a_mark_says_who_wrote_it_and_for_whom() {
    let store = Arc::new(MemoryMarks::default());
    let requester = Some(id(Kind::Attestation).key);
    let before = time::OffsetDateTime::now_utc().truncate_to_millisecond();
    let asked = Request { requester, ..request(Kind::Attestation, 7, 0, 1) };
    ask(&Ledger::new(Arc::clone(&store) as _, "instance 1"), &asked).await.unwrap();
    let written = store.get(&id(Kind::Attestation)).unwrap().written.unwrap();
    assert_eq!((written.instance.as_str(), written.requester), ("instance 1", requester));
    assert!(before <= written.at && written.at <= time::OffsetDateTime::now_utc());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_leaves_write_after_write_unclear_is_given_up_at_the_deadline() {
    let store = Arc::new(MemoryMarks::default());
    (0..100).for_each(|_| store.inject(Fault::WriteLost));
    let start = Instant::now();
    let answer = ask(&Ledger::new(Arc::clone(&store) as _, "test"), &request(Kind::Block, 1, 0, 1)).await;
    let Err(NotRecorded::Store(error)) = answer else { panic!("{answer:?}") };
    assert!(error.to_string().ends_with("last error: injected"), "{error}");
    assert!(start.elapsed() >= Duration::from_secs(4), "{:?}", start.elapsed());
    assert!(store.get(&id(Kind::Block)).is_none());
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_known_as_its_own() {
    for kind in Kind::ALL {
        for fault in [Fault::AnswerLost, Fault::WriteLate, Fault::WriteLost] {
            let store = Arc::new(MemoryMarks::default());
            store.inject(fault);
            let request = request(kind, 3, 1, 1);
            let signature = ask(&Ledger::new(Arc::clone(&store) as _, "test"), &request).await.unwrap();
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
