//! Faults in Azure, as a table: the answer, its latency, the mark afterwards, and that the signer then recovers without a
//! restart.

mod reasons;
mod rows;
mod takeover;

use crate::azure::cloud::{self, KnownKey, always, baker, ms, stored};
use crate::azure::instance::Instance;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use rows::ROWS;
use serde_json::Value;
use stand_ins::{Azure, Effect, Fault, Operation, Options, Times};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The request's deadline, in milliseconds: the default.
const DEADLINE: u64 = 4_000;

/// Extra time for a loaded machine.
const MARGIN: u64 = 700;

/// A row of the table: the request, the fault, the answer, its latency, and the mark afterwards.
struct Row {
    requested: Requested,
    injected: Injected,
    answer: Answer,
    /// Milliseconds.
    takes: std::ops::RangeInclusive<u64>,
    mark: MarkAfter,
}

/// The request during the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Requested {
    /// Above a mark.
    Vote,
    Block,
    /// Without a mark.
    FirstVote,
    FirstBlock,
    /// A repeat.
    SameVote,
    SameBlock,
}

/// The fault.
#[derive(Debug, Clone, Copy)]
enum Injected {
    /// For this many signatures; 0 means all.
    Sign(u32, Effect),
    /// For this many requests of this kind to Cosmos DB; 0 means all.
    Store(u32, Operation, Effect),
    /// Any other fault, with its name.
    Other(&'static str, fn(&Azure)),
}

#[derive(Debug)]
enum Answer {
    Signed,
    /// 500, with this text in the message.
    Failed(&'static str),
}

/// The mark after the answer.
#[derive(Debug, PartialEq, Eq)]
enum MarkAfter {
    /// At the requested position; written with this many requests.
    Raised(u64),
    /// Unchanged.
    Untouched,
}

/// The levels of the earlier signature, of the request, and of the next one.
const BEFORE: u32 = 10;
const REQUESTED: u32 = 20;
const NEXT: u32 = 21;

#[test]
fn every_fault_gets_its_answer_in_time_and_nothing_is_lost() {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..ROWS_AT_A_TIME {
            scope.spawn(|| {
                while let Some(row) = ROWS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| row.check())) {
                        let why = panic.downcast_ref::<String>().map_or("", String::as_str);
                        failed.lock().unwrap().push(format!("{}\n  {why}", row.name()));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} rows:\n{}", failed.len(), ROWS.len(), failed.join("\n"));
}

/// They mostly wait.
const ROWS_AT_A_TIME: usize = 8;

impl Row {
    fn name(&self) -> String {
        match self.injected {
            Injected::Sign(times, effect) => {
                format!("{:?} when {}of signing: {effect:?}", self.requested, number(times))
            }
            Injected::Store(times, on, effect) => {
                format!("{:?} when {}of {on:?}: {effect:?}", self.requested, number(times))
            }
            Injected::Other(name, _) => format!("{:?} when {name}", self.requested),
        }
    }

    fn check(&self) {
        let azure = cloud::start_with(Options { token_life: Duration::from_mins(10), ..Options::default() });
        let key = baker(&azure);
        let signer = Instance::start_ready(&azure, &[]);
        let kind = self.requested.kind();
        let requested = payload(kind, REQUESTED, 0, 0);
        let before = self.requested.prepare(&signer, &key);
        let mark_before = stored(&azure, &key, kind);

        azure.cosmos.reset_requests();
        self.injected.begin(&azure);
        let start = Instant::now();
        let answer = signer.sign(&key.hash, &requested);
        let took = start.elapsed();
        let mark = stored(&azure, &key, kind);

        let signature = match self.answer {
            Answer::Signed => Some(answer.signature()),
            Answer::Failed(why) => {
                assert_eq!(answer.status, 500, "{answer:?}");
                let error = answer.error();
                assert!(error.contains(why), "{error}");
                reasons::assert_plain(&error);
                None
            }
        };
        let limits = ms(*self.takes.start())..=ms(*self.takes.end() + MARGIN);
        assert!(limits.contains(&took), "took {took:?}");
        match self.mark {
            MarkAfter::Untouched => assert_eq!(mark, mark_before),
            MarkAfter::Raised(writes) => {
                let mark = mark.as_ref().expect("a mark");
                assert_eq!(mark["level"], REQUESTED);
                let requests = [Operation::CreateItem, Operation::ReplaceItem];
                assert_eq!(requests.map(|on| azure.cosmos.requests(on)).iter().sum::<u64>(), writes, "writes");
            }
        }

        Injected::end(&azure);
        let in_mark = mark.filter(|mark| mark["level"] == REQUESTED).and_then(|mark| signature_in(Some(&mark)));
        let one_signature = (kind == Kind::Block).then(|| before.or(signature).or(in_mark)).flatten();
        Self::recovers(&azure, &key, &signer, kind, one_signature);
    }

    /// A repeat is signed, other data is not, and the next level is: without a restart, within seconds.
    fn recovers(azure: &Azure, key: &KnownKey, signer: &Instance, kind: Kind, one_signature: Option<String>) {
        let requested = payload(kind, REQUESTED, 0, 0);
        let start = Instant::now();
        let again = signer.eventually_signs(&key.hash, &requested);
        assert!(start.elapsed() < Duration::from_secs(6), "recovers only after {:?}", start.elapsed());
        key.verify(&requested, &again);
        if kind == Kind::Block {
            assert_eq!(one_signature.unwrap_or_else(|| again.clone()), again, "a block has one signature");
            assert_eq!(signature_in(stored(azure, key, kind).as_ref()), Some(again));
        }
        let conflict = signer.sign(&key.hash, &payload(kind, REQUESTED, 0, 1));
        assert_eq!(conflict.status, 409, "{conflict:?}");
        let next = payload(kind, NEXT, 0, 0);
        key.verify(&next, &signer.sign(&key.hash, &next).signature());
        assert_eq!(azure.key_vault.requests(Operation::Other) + azure.cosmos.requests(Operation::Other), 0);
    }
}

fn number(times: u32) -> String {
    if times == 0 { "all ".to_owned() } else { format!("{times} ") }
}

fn signature_in(mark: Option<&Value>) -> Option<String> {
    mark?["signature"].as_str().map(str::to_owned)
}

impl Requested {
    const fn kind(self) -> Kind {
        match self {
            Self::Vote | Self::FirstVote | Self::SameVote => Kind::Attestation,
            Self::Block | Self::FirstBlock | Self::SameBlock => Kind::Block,
        }
    }

    /// Signs what the request presupposes, which also opens connections. Returns the signature if the request is a repeat.
    fn prepare(self, signer: &Instance, key: &KnownKey) -> Option<String> {
        let sign = |kind, level| signer.sign(&key.hash, &payload(kind, level, 0, 0)).signature();
        match self {
            Self::FirstVote | Self::FirstBlock => drop(sign(Kind::Preattestation, BEFORE)),
            Self::Vote | Self::Block => drop(sign(self.kind(), BEFORE)),
            Self::SameVote | Self::SameBlock => return Some(sign(self.kind(), REQUESTED)),
        }
        None
    }
}

impl Injected {
    fn begin(self, azure: &Azure) {
        let add = |faults: &stand_ins::Faults, times, on, effect| match times {
            0 => always(faults, on, effect),
            _ => faults.add(Fault { on, times: Times::Next(times), effect }),
        };
        match self {
            Self::Sign(times, effect) => add(azure.key_vault.faults(), times, Operation::Sign, effect),
            Self::Store(times, on, effect) => add(azure.cosmos.faults(), times, on, effect),
            Self::Other(_, begin) => begin(azure),
        }
    }

    fn end(azure: &Azure) {
        azure.identity.faults().clear();
        azure.key_vault.faults().clear();
        azure.cosmos.faults().clear();
        azure.identity.refuse_connections(false);
        azure.key_vault.refuse_connections(false);
        azure.cosmos.refuse_connections(false);
    }
}
