//! An account with two regions whose write region moves, since the first one has a fault.

use crate::azure::cloud::{self, always, baker};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
use crate::support::payloads::payload;
use crate::trouble::is_long;
use crate::trouble::voters::Voters;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, CosmosOptions, Effect, Operation, Options};
use std::thread;
use std::time::{Duration, Instant};

const WEST: &str = "West Europe";
const NORTH: &str = "North Europe";

/// The maximum time from the move to the next signature.
const LIMIT: Duration = Duration::from_secs(5);

fn two_regions() -> Azure {
    let regions = vec![WEST.to_owned(), NORTH.to_owned()];
    cloud::start_with(Options { cosmos: CosmosOptions { regions, ..CosmosOptions::default() }, ..Options::default() })
}

/// The fault of the first region, and whether the account's global endpoint has it, too.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Hangs {
        global_too: bool,
    },
    Unavailable,
    Refuses,
    /// None: an operator moves the write region.
    None,
}

impl Trouble {
    fn begins(self, azure: &Azure) {
        let west = azure.cosmos.region(WEST).unwrap();
        match self {
            Self::Hangs { global_too } => {
                always(west.faults(), Operation::Any, Effect::Hang);
                if global_too {
                    always(azure.cosmos.faults(), Operation::Any, Effect::Hang);
                }
            }
            Self::Unavailable => always(west.faults(), Operation::Any, Effect::status(503)),
            Self::Refuses => west.refuse_connections(true),
            Self::None => {}
        }
    }
}

/// The time from the move to the next signature. The move is `later` than the fault.
fn signs_again(trouble: Trouble, settings: &[(&str, &str)], later: Duration) -> Duration {
    let azure = two_regions();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, settings);
    signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 0)).signature();
    let voters = Voters::start(&signer, &[&key.hash], Duration::from_millis(400));
    thread::sleep(Duration::from_millis(500));
    trouble.begins(&azure);
    thread::sleep(later);
    azure.cosmos.move_writes_to(NORTH);
    let moved = Instant::now();
    let first = voters.first_signature_after(moved, 2 * LIMIT);
    let error = voters.last_error();
    voters.stop();
    let first = first.unwrap_or_else(|| panic!("{trouble:?}: {error:?} {:#?}", signer.stop()));
    assert!(first < LIMIT, "{trouble:?} {settings:?}: {first:?}");
    first
}

fn measure(trouble: Trouble, settings: &[(&str, &str)]) {
    let rounds: u64 = if is_long() { 10 } else { 1 };
    // At different times relative to what the signer does once a second.
    let later = |round: u64| Duration::from_millis(2_000 + 170 * round);
    let mut times: Vec<_> = (0..rounds).map(|round| signs_again(trouble, settings, later(round))).collect();
    times.sort();
    let (median, max) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "failover, {trouble:?} {settings:?}: signs again {median:.1?} after the move (median of {rounds}), at most {max:.1?}"
    );
}

#[test]
fn failover_from_a_region_that_hangs_with_the_global_endpoint() {
    measure(Trouble::Hangs { global_too: true }, &[]);
}

#[test]
fn failover_from_a_region_that_hangs_while_the_account_names_the_other() {
    measure(Trouble::Hangs { global_too: false }, &[]);
}

#[test]
fn failover_from_a_region_that_answers_503_while_the_account_names_the_other() {
    measure(Trouble::Unavailable, &[]);
}

#[test]
fn failover_from_a_region_that_is_dead_while_the_account_names_the_other() {
    measure(Trouble::Refuses, &[]);
}

#[test]
fn failover_from_a_healthy_region() {
    measure(Trouble::None, &[]);
}

#[test]
fn failover_from_the_nearest_region_that_hangs_and_is_still_listed() {
    measure(Trouble::Hangs { global_too: true }, &[("REGION_NAME", WEST)]);
}

#[test]
fn failover_from_the_nearest_region_that_answers_503_and_is_still_listed() {
    measure(Trouble::Unavailable, &[("REGION_NAME", WEST)]);
}

/// Without a move, failures lead to a new connection once the account is reachable.
#[test]
fn failover_of_the_connection_alone() {
    let azure = two_regions();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 0)).signature();
    let voters = Voters::start(&signer, &[&key.hash], Duration::from_millis(400));
    Trouble::Unavailable.begins(&azure);
    let begun = Instant::now();
    assert!(signer.logged("store_reconnects").contains("not been answered"));
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    azure.cosmos.region(WEST).unwrap().faults().clear();
    let well = Instant::now();
    let first = voters.first_signature_after(well, LIMIT);
    signer.logged("store_reconnected");
    voters.stop();
    assert!(first.is_some_and(|first| first < Duration::from_secs(1)), "{first:?}");
}

/// A container that was recreated during a failover is noticed by the new connection, which compares its id with the first one's.
#[test]
fn failover_to_a_recreated_container_signs_nothing() {
    let azure = two_regions();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 0)).signature();
    Trouble::Hangs { global_too: false }.begins(&azure);
    cloud::wait(azure.cosmos.recreate_container());
    azure.cosmos.move_writes_to(NORTH);
    for level in 8..11 {
        let answer = signer.sign(&key.hash, &payload(Kind::Attestation, level, 0, 0));
        assert_eq!(answer.status, 500, "{answer:?}");
    }
    assert!(signer.logged("\"container_recreated\"").contains("deleted and recreated"));
    assert!(cloud::wait(azure.cosmos.items()).is_empty());
}

/// The write region is healthy, but the nearest one is not, and a mark has to be read.
#[test]
fn failover_of_reads_from_the_nearest_region_to_another() {
    let azure = two_regions();
    let key = baker(&azure);
    azure.cosmos.move_writes_to(NORTH);
    let signer = Instance::start_ready(&azure, &[("REGION_NAME", WEST)]);
    always(azure.cosmos.region(WEST).unwrap().faults(), Operation::ReadItem, Effect::Hang);
    let vote = payload(Kind::Attestation, 7, 0, 0);
    let start = Instant::now();
    key.verify(&vote, &signer.sign(&key.hash, &vote).signature());
    let took = start.elapsed();
    assert!(took < Duration::from_millis(2_500), "{took:?}");
    println!("failover of reads: a vote took {took:.1?} with the nearest region hanging");
}

/// An instance starts while the nearest region hangs and is still listed.
#[test]
fn failover_before_the_start() {
    let azure = two_regions();
    let key = baker(&azure);
    azure.cosmos.move_writes_to(NORTH);
    always(azure.cosmos.region(WEST).unwrap().faults(), Operation::Any, Effect::Hang);
    let signer = Instance::start(&azure, &[("REGION_NAME", WEST)]);
    let vote = payload(Kind::Attestation, 7, 0, 0);
    let start = Instant::now();
    key.verify(&vote, &signer.sign(&key.hash, &vote).signature());
    println!("start while the nearest region hangs: first signature after {:.1?}", start.elapsed());
}

/// Reads use the nearest region, but the first mark does not wait for a handshake with the write region.
#[test]
fn the_connection_to_a_distant_write_region_is_open_before_the_first_vote() {
    let azure = two_regions();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[("REGION_NAME", NORTH)]);
    let west = azure.cosmos.region(WEST).unwrap();
    eventually("the write region is read", || (west.requests(Operation::ReadItem) > 0).then_some(()));
    let connections = west.connections();
    signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 0)).signature();
    assert_eq!((west.requests(Operation::CreateItem), west.connections()), (1, connections));
}
