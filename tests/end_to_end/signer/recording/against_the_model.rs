//! The ledger against a model, with random requests, faults of the store, and restarts.

use super::{record, request};
use crate::support::marks::{Fault, MemoryMarks};
use azurehsm_signer::marks::{EmbeddedMarkStore, Ledger, MarkStore, Request, StoreRole};
use azurehsm_signer::tezos::payload::{Kind, Position};
use azurehsm_signer::tezos::{Digest, Signature};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

const INSTANCES: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    Request {
        instance: usize,
        kind: Kind,
        level: i32,
        round: i32,
        variant: u8,
    },
    /// The caller cancels after this many turns of the runtime.
    RequestAndCancel {
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

/// Judges only by released signatures: positions rise or repeat, a slot has one digest, a block one signature.
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

fn request_steps() -> impl Strategy<Value = Step> {
    let kinds = prop_oneof![Just(Kind::Block), Just(Kind::Preattestation), Just(Kind::Attestation)];
    (0..INSTANCES, kinds, 0..4_i32, 0..3_i32, 0..2_u8)
        .prop_map(|(instance, kind, level, round, variant)| Step::Request { instance, kind, level, round, variant })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let restarts = (0..INSTANCES).prop_map(|instance| Step::Restart { instance });
    prop::collection::vec(prop_oneof![8 => request_steps(), 1 => restarts], 1..60)
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
    let cancelled = (request_steps(), 0..12_u8).prop_map(|(step, turns)| match step {
        Step::Request { instance, kind, level, round, variant } => {
            Step::RequestAndCancel { instance, kind, level, round, variant, turns }
        }
        other => other,
    });
    let steps = prop_oneof![6 => request_steps(), 2 => cancelled, 1 => restarts, 3 => faults.prop_map(Step::Fault)];
    prop::collection::vec(steps, 1..60)
}

/// Runs the steps. `is_exact`: only the model decides what is released, since there are no faults.
async fn judge(steps: Vec<Step>, store: impl Fn() -> Arc<dyn MarkStore>, inject: impl Fn(Fault), is_exact: bool) {
    let mut model = Model::default();
    let mut instances: Vec<_> = (0..INSTANCES).map(|_| Ledger::new(store(), "test")).collect();
    for step in steps {
        match step {
            Step::Restart { instance } => instances[instance] = Ledger::new(store(), "test"),
            Step::Fault(fault) => inject(fault),
            Step::RequestAndCancel { instance, kind, level, round, variant, turns } => {
                let request = request(kind, level, round, variant);
                let leave = async {
                    for _ in 0..turns {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::select! {
                    biased;
                    () = leave => {}
                    answer = record(&instances[instance], &request) => {
                        if let Ok(signature) = answer {
                            model.release(&request, signature);
                        }
                    }
                }
            }
            Step::Request { instance, kind, level, round, variant } => {
                let request = request(kind, level, round, variant);
                let answer = record(&instances[instance], &request).await;
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

/// The same for a store in memory, with paused time.
fn run_at_once<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Also invariant 5: a repeat according to the model is never refused.
    #[test]
    fn invariant_3_two_instances_release_exactly_what_the_model_does(steps in steps()) {
        let store = Arc::new(MemoryMarks::default());
        run_at_once(judge(steps, || Arc::clone(&store) as Arc<dyn MarkStore>, |_| {}, true));
    }

    #[test]
    fn invariants_3_and_4_hold_under_any_faults_of_the_store(steps in steps_with_faults()) {
        let store = Arc::new(MemoryMarks::default());
        run_at_once(judge(steps, || Arc::clone(&store) as Arc<dyn MarkStore>, |fault| store.inject(fault), false));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The file is closed and reopened halfway, so that marks are read from it, not from memory.
    #[test]
    fn the_embedded_store_releases_exactly_what_the_model_does(before in steps(), after in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks.redb");
        let mut model = Model::default();
        for steps in [before, after] {
            run(async {
                let store: Arc<dyn MarkStore> = Arc::new(open_when_closed(&path).await);
                let ledger = Ledger::new(store, "test");
                for step in steps {
                    let Step::Request { kind, level, round, variant, .. } = step else { continue };
                    let request = request(kind, level, round, variant);
                    let answer = record(&ledger, &request).await;
                    assert_eq!(answer.is_ok(), model.is_safe(&request), "{request:?}: {answer:?}");
                    if let Ok(signature) = answer {
                        model.release(&request, signature);
                    }
                }
            });
        }
    }
}

/// A dropped store closes its file a moment later, on its thread.
async fn open_when_closed(path: &std::path::Path) -> EmbeddedMarkStore {
    loop {
        match EmbeddedMarkStore::open(path, StoreRole::Signing) {
            Ok(store) => return store,
            Err(azurehsm_signer::marks::OpenError::InUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}
