//! Services that are slow but answer within the deadline, and connections that are dead.

use crate::azure::cloud::{self, KnownKey, add, always, baker, ms};
use crate::azure::instance::Instance;
use crate::support::payloads::payload;
use crate::trouble::figures::Times;
use crate::trouble::is_long;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Curve, Delay, Effect, NewKey, Operation, Options};
use std::thread;
use std::time::{Duration, Instant};

/// The maximum latency that a vote adds to the slower of vault and store.
const OWN_TIME: Duration = Duration::from_millis(60);

/// The maximum cost of a dead connection, with extra time for a loaded machine.
const DEAD_CONNECTION: Duration = Duration::from_millis(1_000 + 200);

/// The maximum time for a cold instance to find a key in a vault whose answers take up to two seconds.
const COLD_START: Duration = Duration::from_secs(15);

/// Constant delays of vault and store, in milliseconds, at which every vote is signed: the longer one is at most 3.5 s.
const FOR_VOTES: [(u64, u64); 7] =
    [(850, 0), (0, 1_100), (1_500, 1_500), (2_000, 3_000), (3_500, 0), (0, 3_500), (3_500, 3_500)];

/// The same for blocks: together they are at most 3.5 s.
const FOR_BLOCKS: [(u64, u64); 6] = [(850, 0), (0, 1_100), (1_750, 1_750), (2_500, 1_000), (3_500, 0), (0, 3_500)];

/// Private keys of tests are single bytes.
const MAX_KEYS: u8 = 250;

/// A signer whose keys have marks and whose connections are open.
struct Warm {
    azure: Azure,
    signer: Instance,
    keys: Vec<KnownKey>,
}

impl Warm {
    fn start(keys: u8) -> Self {
        let azure = cloud::start_with(Options { page_size: 25, ..Options::default() });
        assert!(keys <= MAX_KEYS);
        let keys = (1..=keys).map(|number| add(&azure, NewKey::new(format!("baker-{number}"), Curve::P256), number));
        let keys: Vec<_> = keys.collect();
        let signer = Instance::start_ready(&azure, &[QUIET]);
        let warm = Self { azure, signer, keys };
        for kind in Kind::ALL {
            assert!(warm.sign_all(kind, 1).iter().all(Option::is_some), "no fault yet");
        }
        warm
    }

    fn delay(&self, vault: Delay, store: Delay) {
        self.azure.key_vault.latency(vault);
        self.azure.cosmos.latency(store);
    }

    /// Requests a signature of each key concurrently. Returns the latencies; `None` if not signed.
    fn sign_all(&self, kind: Kind, level: u32) -> Vec<Option<Duration>> {
        thread::scope(|scope| {
            let requested: Vec<_> = self.keys.iter().map(|key| scope.spawn(|| self.sign(key, kind, level))).collect();
            requested.into_iter().map(|request| request.join().unwrap()).collect()
        })
    }

    /// A request as by octez-client, on a new connection.
    fn sign(&self, key: &KnownKey, kind: Kind, level: u32) -> Option<Duration> {
        let payload = payload(kind, level, 0, 0);
        let start = Instant::now();
        let answer = self.signer.sign(&key.hash, &payload);
        let took = start.elapsed();
        if answer.status != 200 {
            println!("  {kind} at level {level} after {took:?}: {}", answer.error());
            return None;
        }
        key.verify(&payload, &answer.signature());
        Some(took)
    }
}

/// Logs no line per request, but the one with the address of the instance.
const QUIET: (&str, &str) = ("RUST_LOG", "error,azurehsm_signer::cli=info");

/// Constant delays of vault and store, in milliseconds, and what is signed under them.
#[derive(Debug, Clone, Copy)]
struct Constant {
    kind: Kind,
    vault: u64,
    store: u64,
}

impl Constant {
    /// What signatures take beyond the delays. An error says how many were not signed.
    fn own_times(self) -> Result<Times, String> {
        let (keys, rounds) = if is_long() { (5, 8) } else { (3, 1) };
        let Self { kind, vault, store } = self;
        let warm = Warm::start(keys);
        warm.delay(Delay::Fixed(ms(vault)), Delay::Fixed(ms(store)));
        let took: Vec<_> = (2..2 + rounds).flat_map(|level| warm.sign_all(kind, level)).collect();
        let shortest = shortest(kind, vault, store);
        let signed: Vec<_> = took.iter().flatten().map(|took| took.saturating_sub(shortest)).collect();
        if signed.len() < took.len() {
            return Err(format!("{self:?}: {} of {} signed", signed.len(), took.len()));
        }
        let own = Times::of(signed);
        println!("{self:?}: beyond {shortest:?}: {own}");
        Ok(own)
    }
}

#[test]
fn slow_constant_delays_cost_no_signature() {
    let votes = FOR_VOTES.map(|(vault, store)| Constant { kind: Kind::Attestation, vault, store });
    let blocks = FOR_BLOCKS.map(|(vault, store)| Constant { kind: Kind::Block, vault, store });
    // They mostly wait, so they run concurrently.
    let measured: Vec<_> = thread::scope(|scope| {
        let measured = votes.into_iter().chain(blocks);
        let measured: Vec<_> = measured.map(|delays| (delays, scope.spawn(move || delays.own_times()))).collect();
        measured.into_iter().map(|(delays, measured)| (delays, measured.join().unwrap())).collect()
    });
    let mut wrong = Vec::new();
    for (delays, own) in measured {
        let is_slow = |own: &Result<Times, String>| own.as_ref().is_ok_and(|own| own.median() > OWN_TIME);
        // This machine may have been busy with the other delays and with other tests: it is measured once more, alone.
        let own = if is_slow(&own) { delays.own_times() } else { own };
        match own {
            Ok(own) if own.median() > OWN_TIME => wrong.push(format!("{delays:?}: {own} beyond the delays, twice")),
            Ok(_) => {}
            Err(unsigned) => wrong.push(unsigned),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A vote takes as long as the slower of the two, and a block as long as both.
fn shortest(kind: Kind, vault: u64, store: u64) -> Duration {
    ms(if kind == Kind::Block { vault + store } else { vault.max(store) })
}

#[test]
fn slow_in_a_log_normal_way_999_of_1000_votes_are_signed() {
    let (keys, rounds) = if is_long() { (100, 20) } else { (40, 4) };
    let warm = Warm::start(keys);
    let delay = Delay::log_normal(ms(900), 0.3);
    warm.delay(delay, delay);
    let took: Vec<_> = (2..2 + rounds).flat_map(|level| warm.sign_all(Kind::Attestation, level)).collect();
    let signed: Vec<_> = took.iter().flatten().copied().collect();
    println!(
        "vault and store log-normal: {} of {} votes signed: {}",
        signed.len(),
        took.len(),
        Times::of(signed.clone())
    );
    assert!(signed.len() * 1_000 >= took.len() * 999, "{} of {}", signed.len(), took.len());
}

/// The frozen connections, and how they are frozen.
type Freeze = (&'static str, fn(&Azure));

#[test]
fn slow_or_not_a_dead_connection_costs_at_most_a_second() {
    const FREEZE: [Freeze; 2] =
        [("vault", |azure| azure.key_vault.freeze_connections()), ("store", |azure| azure.cosmos.freeze_connections())];
    thread::scope(|scope| {
        for (name, freeze) in FREEZE {
            for delay in [0, 900] {
                for kind in [Kind::Attestation, Kind::Block] {
                    scope.spawn(move || {
                        let warm = Warm::start(1);
                        warm.delay(Delay::Fixed(ms(delay)), Delay::Fixed(ms(delay)));
                        freeze(&warm.azure);
                        let took = warm.sign(&warm.keys[0], kind, 2).expect("signed within the deadline");
                        let cost = took.saturating_sub(shortest(kind, delay, delay));
                        println!("{kind} with delays of {delay} ms, connections to the {name} dead: {cost:?} more");
                        // The result of a write is read before it is repeated.
                        let read_back = if name == "store" { ms(delay) } else { Duration::ZERO };
                        let allowed = DEAD_CONNECTION + read_back;
                        assert!(cost <= allowed, "{kind}, delays of {delay} ms, {name}: {cost:?} more");
                    });
                }
            }
        }
    });
}

#[test]
fn slow_lists_and_reads_of_keys_do_not_prevent_a_cold_instance_from_signing() {
    let azure = cloud::start();
    let key = baker(&azure);
    let slow = Delay::Uniform { from: ms(850), to: ms(2_000) };
    for on in [Operation::ListKeys, Operation::ListVersions, Operation::GetKey] {
        always(azure.key_vault.faults(), on, Effect::Delay(slow));
    }
    let start = Instant::now();
    let signer = Instance::start(&azure, &[]);
    let vote = payload(Kind::Attestation, 7, 0, 0);
    key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
    println!("cold, with a vault whose lists and reads take 0.85 to 2 s: signed after {:?}", start.elapsed());
    assert!(start.elapsed() < COLD_START, "{:?}", start.elapsed());
}
