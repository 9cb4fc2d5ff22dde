//! False alarms in a month: four keys, each with its own chain, bakers that miss their turn, rounds, reorganisations, outages of
//! nodes and bakers, and two instances of the signer on one store, which are restarted, lag behind, and take turns with an earlier
//! release. The history is legitimate by the protocol's rules, which the oracle knows; the marks and the comparison are the signer's.

use crate::marks::MemoryMarks;
use crate::watcher::{Findings, Watcher, public_key};
use azurehsm_signer::marks::{Ledger, Mark, MarkId, NotRecorded, Request, VoteOrBlock};
use azurehsm_signer::tezos::payload::Payload;
use azurehsm_signer::tezos::{Digest, PublicKey, SignatureText};
use oracle::chain::history::{self, Counts, Event, Life};
use oracle::crypto::{Curve, Scheme};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// In a history, an outage of the node lasts up to 120 levels.
const MAX_LEVELS_UNTIL_FOUND: u32 = 400;

/// As many as mainnet has in 30 days and 10 hours, with 6 s for each.
const LEVELS: u64 = 438_000;

pub(crate) fn live() {
    println!("\na month: {LEVELS} levels, of which each of four keys lives through a quarter");
    println!(
        "{:<11}{:>9}{:>9}{:>8}{:>9}{:>9}{:>8}{:>7}{:>10}{:>9}{:>8}{:>9}",
        "key", "levels", "rounds", "reorgs", "missed", "outages", "ours", "", "unknown", "alarms", "planted", "seconds"
    );
    let mut alarms = 0;
    std::thread::scope(|scope| {
        let lives: Vec<_> = Curve::ALL
            .into_iter()
            .zip(1..)
            .map(|(curve, number)| scope.spawn(move || (curve, life_of(curve, number, LEVELS / 4))))
            .collect();
        for life in lives {
            let (curve, (findings, planted, counts, took)) = life.join().unwrap();
            alarms += findings.alarms();
            println!(
                "{:<11}{:>9}{:>9}{:>8}{:>9}{:>9}{:>15}{:>10}{:>9}{:>8}{:>9.0}",
                curve.name(),
                counts.levels,
                counts.with_rounds,
                counts.reorganisations,
                counts.missed_turns,
                counts.outages + counts.rests,
                findings.ours,
                findings.unknown,
                findings.alarms(),
                if planted { "found" } else { "missed" },
                took.as_secs_f64()
            );
            assert!(planted, "a foreign signature at the end was not found");
        }
    });
    println!("{alarms} false alarms");
    assert_eq!(alarms, 0);
}

/// The short form, for the tests.
pub(crate) fn live_shortly() {
    for (curve, levels) in [(Curve::P256, 250), (Curve::Bls, 100)] {
        let (findings, planted, counts, _) = life_of(curve, 5, levels);
        assert_eq!(findings.alarms(), 0, "{findings:?}");
        assert!(findings.ours > 0 && planted, "{findings:?} {counts:?}");
    }
}

/// Lives through some levels, and then lets another signer use the key. Returns what was found until then, and whether that was found.
fn life_of(curve: Curve, number: u64, levels: u64) -> (Findings, bool, Counts, Duration) {
    let start = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut life = Life::new(history::baker(curve), number);
        let mut signers = Signers::new();
        let mut watchers = [Watcher::new(&life), Watcher::new(&life)];
        let mut findings = Findings::default();
        for level in 0..levels {
            for event in life.next_level() {
                signers.follow(&event, level).await;
                for (watcher, turn) in watchers.iter_mut().zip([level, level + 7]) {
                    // An instance is behind for some levels, and restarted now and then.
                    watcher.lag = if turn % 50 < 40 { 0 } else { 5 };
                    if turn % 1000 == 999 {
                        *watcher = Watcher::new(&life);
                    }
                    findings.add(watcher.follow(&event, &life, &signers.store));
                }
            }
        }
        let counts = life.counts();
        // From now on, the baker asks another signer. The baker or the node may be away at first.
        let mut later = Findings::default();
        watchers[0].lag = 0;
        for _ in 0..MAX_LEVELS_UNTIL_FOUND {
            for event in life.next_level() {
                later.add(watchers[0].follow(&event, &life, &signers.store));
            }
            if later.foreign > 0 {
                break;
            }
        }
        (findings, later.foreign > 0, counts, start.elapsed())
    })
}

/// Two instances of the signer on one store.
struct Signers {
    store: Arc<MemoryMarks>,
    instances: [Ledger; 2],
}

impl Signers {
    fn new() -> Self {
        let store = Arc::new(MemoryMarks::default());
        let instances = ["first", "second"].map(|name| Ledger::new(store.clone(), name));
        Self { store, instances }
    }

    async fn follow(&mut self, event: &Event, level: u64) {
        let Event::Signs(request) = event else { return };
        if level % 700 == 699 {
            // A deployment.
            self.instances = ["first", "second"].map(|name| Ledger::new(self.store.clone(), name));
        }
        let key: PublicKey = public_key(&request.key);
        let payload = Payload::decode(&request.payload, key.curve()).unwrap().consensus().unwrap();
        let id = MarkId { chain: payload.chain, key: key.hash(), kind: payload.kind };
        let (position, digest) = (payload.position, Digest::of(&request.payload));
        let jump_limit = Some(100_000);
        let wanted = Request { id, position, digest, jump_limit, max_level: None, requester: None };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(4);
        // Both instances get requests, mostly the first.
        let ledger = &self.instances[usize::from(level.is_multiple_of(10))];
        match wanted.split() {
            VoteOrBlock::Vote(vote) => drop(ledger.record_vote(&vote, deadline).await.unwrap()),
            VoteOrBlock::Block(block) => {
                let text: SignatureText =
                    request.key.sign_text(&request.payload, Scheme::ProofOfPossession).parse().unwrap();
                let signature = text.of_curve(key.curve()).unwrap();
                let sign = async || Ok::<_, NotRecorded>(signature);
                ledger.record_block(&block, deadline, sign).await.unwrap();
            }
        }
        // While the first release signs, marks have no trail.
        if level % 5000 > 4900 {
            let mark = self.store.get(&id).unwrap();
            self.store.restore(&id, Some(Mark { trail: None, stoppable: false, origin: None, ..mark }));
        }
    }
}
