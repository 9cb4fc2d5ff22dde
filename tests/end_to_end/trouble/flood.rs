//! A flood of repeats, and its cost for an honest baker and the vault.

use crate::azure::cloud::{self, KnownKey, add, ms};
use crate::azure::instance::Instance;
use crate::support::http::{self, Connection};
use crate::support::payloads::payload;
use crate::trouble::figures::Times;
use crate::trouble::is_long;
use crate::trouble::repeaters::Repeaters;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Curve, Delay, NewKey, Operation};
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

/// The maximum delay of an honest vote, at the median.
const COST: Duration = Duration::from_millis(50);

/// The maximum number of vault calls per second for repeats of one payload.
const VAULT_CALLS_PER_SECOND: u128 = 10;

/// Latencies of vault and store, as in Azure.
const VAULT: Duration = Duration::from_millis(20);
const STORE: Duration = Duration::from_millis(8);

/// The interval between honest votes.
const PAUSE: Duration = Duration::from_millis(40);

/// Logs no line per request, but the one with the address of the instance.
const QUIET: (&str, &str) = ("RUST_LOG", "error,azurehsm_signer::cli=info");

/// An honest baker on a persistent connection.
struct Baker<'a> {
    key: &'a KnownKey,
    connection: Connection,
    level: u32,
}

impl<'a> Baker<'a> {
    fn new(signer: &Instance, key: &'a KnownKey) -> Self {
        let mut baker = Self { key, connection: http::connect(signer.address).unwrap(), level: 0 };
        baker.votes(2, |_| {});
        baker
    }

    /// Votes this often, each time at a new level, and passes each payload to `voted`.
    fn votes(&mut self, number: usize, mut voted: impl FnMut(&[u8])) -> Times {
        let took = (0..number).map(|_| {
            thread::sleep(PAUSE);
            self.level += 1;
            let vote = payload(Kind::Attestation, self.level, 0, 0);
            let request = http::sign_request(&self.key.hash, &vote);
            let start = Instant::now();
            self.connection.write_all(request.as_bytes()).unwrap();
            let answer = self.connection.read_answer().unwrap();
            let took = start.elapsed();
            assert_eq!(answer.status, 200, "an honest vote: {answer:?}");
            voted(&vote);
            took
        });
        Times::of(took.collect())
    }
}

fn start() -> (Azure, [KnownKey; 2], Instance) {
    let azure = cloud::start();
    let keys = [1, 2].map(|number| add(&azure, NewKey::new(format!("baker-{number}"), Curve::P256), number));
    let signer = Instance::start_ready(&azure, &[QUIET]);
    azure.key_vault.latency(Delay::Fixed(VAULT));
    azure.cosmos.latency(Delay::Fixed(STORE));
    (azure, keys, signer)
}

/// Measurements under a flood.
struct Measured {
    without: Times,
    other_key: Times,
    same_key: Times,
    flooded_for: Duration,
    repeats_signed: u64,
    vault_calls_for_repeats: u64,
}

fn measure(connections: usize, votes: usize) -> Measured {
    let (azure, [flooded, other], signer) = start();
    let (mut same, mut other) = (Baker::new(&signer, &flooded), Baker::new(&signer, &other));
    let mut newest = Vec::new();
    let without = same.votes(votes, |vote| newest = vote.to_vec());
    println!("without a flood: {without}");

    let flood = Repeaters::start(signer.address, connections, &flooded.hash, &newest);
    // The flood has begun once each connection has been answered twice.
    while flood.answered().all < 2 * connections as u64 {
        thread::sleep(ms(5));
    }
    azure.key_vault.reset_requests();
    let (start, before) = (Instant::now(), flood.answered());
    let other_key = other.votes(votes, |_| {});
    let (flooded_for, after) = (start.elapsed(), flood.answered());
    let vault_calls_for_repeats = azure.key_vault.requests(Operation::Sign).saturating_sub(votes as u64);
    let (answered, repeats_signed) = (after.all - before.all, after.signed - before.signed);
    println!("under {connections} connections, another key: {other_key}");
    println!(
        "  {answered} repeats answered in {flooded_for:.1?}, {repeats_signed} of them with a signature; \
         {vault_calls_for_repeats} vault calls for them"
    );

    let same_key = same.votes(votes, |vote| flood.switch_to(&flooded.hash, vote));
    println!("under {connections} connections, new slots of the flooded mark: {same_key}");
    Measured { without, other_key, same_key, flooded_for, repeats_signed, vault_calls_for_repeats }
}

#[test]
fn flood_of_repeats_neither_delays_honest_votes_nor_reaches_the_vault() {
    // A debug build is several times slower, and in the gate other tests run in parallel. Both can only slow it down, so the best
    // of three runs counts.
    let (connections, votes, attempts) = if is_long() { (800, 50, 1) } else { (100, 15, 3) };
    let mut slow = Vec::new();
    for _ in 0..attempts {
        let measured = measure(connections, votes);
        assert!(measured.repeats_signed > 0, "repeats are welcome");
        let allowed = VAULT_CALLS_PER_SECOND * measured.flooded_for.as_millis() / 1_000 + 1;
        assert!(
            u128::from(measured.vault_calls_for_repeats) <= allowed,
            "{} vault calls in {:.1?}",
            measured.vault_calls_for_repeats,
            measured.flooded_for
        );
        let slower = measured.other_key.median().max(measured.same_key.median());
        let cost = slower.saturating_sub(measured.without.median());
        if cost <= COST {
            return;
        }
        slow.push(cost);
    }
    panic!("the delay of an honest vote under a flood is too long: {slow:.1?}");
}
