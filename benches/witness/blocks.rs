//! The time to read a block as on mainnet, with the votes of 200 bakers, on one core: the two answers of a node are parsed, and the
//! signatures of served keys verified.

use crate::figures::{percentile, sorted};
use azurehsm_signer::chain::blocks::{Header, read_receipts};
use azurehsm_signer::tezos::ChainId;
use azurehsm_signer::witness::{Companions, ServedKeys, sightings};
use oracle::chain::{Baker, Block, Chain, Key, Network};
use oracle::crypto::Curve;
use stand_ins::{SharedChain, node_answer};
use std::time::{Duration, Instant, SystemTime};

const BAKERS: usize = 200;
const SERVED: usize = 8;
const ROUNDS: usize = 400;
const FIRST_LEVEL: i32 = 15_900_199;
const FIRST_TIMESTAMP: i64 = 1_796_000_000;

pub(crate) fn measure() {
    println!("\na block with the votes of {BAKERS} bakers, of whose keys {SERVED} are served");
    println!("{:<44} {:>8} {:>18} {:>18}", "", "", "parse", "verify");
    println!("{:<44} {:>8} {:>9} {:>8} {:>9} {:>8}", "", "JSON kB", "p50 ms", "p99 ms", "p50 ms", "p99 ms");
    for (name, aggregated) in [("each vote an operation of its own", 0), ("half of them in an aggregate", BAKERS / 2)] {
        let bakers = bakers(aggregated);
        let ours = bakers.iter().step_by(BAKERS / SERVED).map(|baker| baker.delegate.public.text().parse().unwrap());
        let served = ServedKeys::new(ours.collect::<Vec<_>>());
        // One of our bakers proposes the next block.
        let mut chain = Chain::new(Network::new(bakers), FIRST_LEVEL, FIRST_TIMESTAMP);
        chain.bake();
        let answer = |path: &str| node_answer(&chain, &format!("/chains/main/blocks/head/{path}")).1.to_string();
        let (operations, header) = (answer("operations/0"), answer("header/raw"));
        let read = || {
            let start = Instant::now();
            let header = Header::read(ChainId::MAINNET, header.as_bytes()).unwrap();
            let receipts = read_receipts(operations.as_bytes(), |voter| served.has_signed(voter)).unwrap();
            let parsed = start.elapsed();
            let found = sightings(ChainId::MAINNET, &header, &receipts.votes, &served, &Companions::new());
            let verified = start.elapsed().saturating_sub(parsed);
            assert_eq!((found.seen.len(), found.wrong_signatures, receipts.unreadable), (SERVED + 1, 0, 0));
            (parsed, verified)
        };
        let (parsed, verified): (Vec<_>, Vec<_>) = (0..ROUNDS).map(|_| read()).unzip();
        let [parsed, verified] = [parsed, verified].map(|took: Vec<Duration>| {
            let took = sorted(took);
            format!("{:>9.2} {:>8.2}", percentile(&took, 50), percentile(&took, 99))
        });
        println!("{name:<44} {:>8} {parsed} {verified}", operations.len() / 1000);
    }
}

fn bakers(with_bls: usize) -> Vec<Baker> {
    let curves = std::iter::repeat_n(Curve::Bls, with_bls).chain(std::iter::repeat(Curve::P256));
    let keys = (0..BAKERS).zip(curves).map(|(number, curve)| Key::of_name(curve, &format!("baker {number}")));
    keys.map(Baker::new).collect()
}

/// A chain of such blocks, now, and this many that are not part of it yet.
pub(crate) fn chain_and_later(count: usize) -> (SharedChain, Vec<Block>) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut chain = Chain::new(Network::new(bakers(0)), FIRST_LEVEL, now.try_into().unwrap());
    chain.bake();
    let now = SharedChain::new(chain);
    let later = now.copy();
    let later = (0..count).map(|_| later.bake()).map(|hash| later.lock().block(&hash).unwrap().clone());
    let later = later.collect();
    (now, later)
}
