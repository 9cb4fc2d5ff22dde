//! The measurements, and the table of their results.

use crate::octez::{Octez, OverLoopback, OverTls};
use crate::sites::{Arrived, DATABASE, FUNCTION_KEY, Region, Relay, VAULT};
use stand_ins::FunctionApp;
use std::time::{Duration, Instant};
use wan::{Error, Link, Site, Wan};

const ROUND_TRIPS: [Duration; 3] = [Duration::from_millis(1), Duration::from_millis(20), Duration::from_millis(80)];
/// Share of packets lost, in each direction.
const LOSSES: [f64; 2] = [0.0, 0.005];

/// Direct votes take so long that several bakers, with a key each, vote at the same time.
const DIRECT_BAKERS: usize = 4;
const DIRECT_VOTES: u32 = 50;
const RELAYED_VOTES: u32 = 200;
/// Votes of each baker, after a change of the network, that are not measured.
const WARM_UP: u32 = 2;

/// Votes that a client requested one way.
struct Votes {
    took: Vec<Duration>,
    arrived: Arrived,
}

/// Processor time of the relay.
#[derive(Default)]
struct Processor {
    /// While it forwarded this many votes.
    busy_microseconds: f64,
    votes: usize,
    /// While it had nothing to do for this long.
    idle_microseconds: f64,
    idle: Duration,
}

pub(crate) fn run() {
    match Wan::new(["baker", "region"], Link { rtt: Duration::ZERO, loss: 0.0 }) {
        Ok((wan, [baker, region])) => measure(&wan, &baker, &region),
        Err(Error::Unavailable(reason)) => println!("not measured: {reason}"),
        Err(error) => panic!("{error}"),
    }
}

fn measure(wan: &Wan, baker: &Site, region: &Site) {
    let started = Region::start(region, DIRECT_BAKERS + 1);
    let relay = baker.run(|| Relay::start(baker, &started.app_of_relay)).unwrap();
    let at_start = Arrived::at(&started.app_of_relay);
    println!(
        "\nthe relay, until it is ready: {} requests with the function key, {} connections",
        at_start.executions, at_start.connections
    );
    let (own, of_direct) = started.keys.split_first().unwrap();
    let mut relayed = Octez::new(relay.signer(), own);
    let over_tls = OverTls::new(&started.app, FUNCTION_KEY);
    let mut direct: Vec<_> = of_direct.iter().map(|key| Octez::new(over_tls.clone(), key)).collect();

    let mut processor = Processor::default();
    println!("\nvotes as octez requests them; requests and connections are those at the function app");
    println!("{:>36}  {:>50}", "directly, per signature", "through the relay, per signature");
    print_head();
    for round_trip in ROUND_TRIPS {
        for loss in LOSSES {
            wan.set_rtt(baker, region, round_trip);
            wan.set_loss(baker, region, loss).unwrap();
            let (idle_before, start) = (relay.process.processor_microseconds(), Instant::now());
            let directly = vote_directly(baker, &mut direct, &started.app);
            processor.idle_microseconds += relay.process.processor_microseconds() - idle_before;
            processor.idle += start.elapsed();
            let through_relay = vote_through_relay(baker, &mut relayed, &relay, &started.app_of_relay, &mut processor);
            print_row(round_trip, loss, &directly, &through_relay);
        }
    }
    println!(
        "\nrelay: {:.1} MB resident; {:.0} µs of CPU time per signature, and {:.1} ms per minute while idle",
        relay.process.resident_megabytes(),
        processor.busy_microseconds / count(processor.votes),
        processor.idle_microseconds / 1e3 / (processor.idle.as_secs_f64() / 60.0),
    );
    let packets = wan.statistics();
    println!(
        "network: {} packets delivered, late by {:.0} µs on average and {:.1} ms at most; {} lost",
        packets.delivered,
        packets.mean_lateness.as_secs_f64() * 1e6,
        milliseconds(packets.max_lateness),
        packets.lost
    );
}

fn vote_directly(site: &Site, bakers: &mut [Octez<OverTls>], app: &FunctionApp) -> Votes {
    let mut vote = |times| {
        let together = || -> Vec<Duration> {
            std::thread::scope(|scope| {
                let voting: Vec<_> = bakers.iter_mut().map(|baker| scope.spawn(move || baker.vote(times))).collect();
                voting.into_iter().flat_map(|baker| baker.join().unwrap()).collect()
            })
        };
        site.run(together).unwrap()
    };
    vote(WARM_UP);
    let before = Arrived::at(app);
    let took = vote(DIRECT_VOTES);
    Votes { took, arrived: Arrived::at(app).since(before) }
}

fn vote_through_relay(
    site: &Site,
    baker: &mut Octez<OverLoopback>,
    relay: &Relay,
    app: &FunctionApp,
    processor: &mut Processor,
) -> Votes {
    let mut vote = |times| site.run(|| baker.vote(times)).unwrap();
    vote(WARM_UP);
    let (before, used) = (Arrived::at(app), relay.process.processor_microseconds());
    let took = vote(RELAYED_VOTES);
    processor.busy_microseconds += relay.process.processor_microseconds() - used;
    processor.votes += took.len();
    Votes { took, arrived: Arrived::at(app).since(before) }
}

fn print_head() {
    print!("{:>6} {:>6}", "rtt ms", "loss %");
    for _ in 0..2 {
        print!("  {:>7} {:>7} {:>8} {:>11}", "p50 ms", "p99 ms", "requests", "connections");
    }
    println!("  {:>13}", "target p50");
}

fn print_row(round_trip: Duration, loss: f64, directly: &Votes, through_relay: &Votes) {
    print!("{:>6} {:>6}", round_trip.as_millis(), loss * 100.0);
    for votes in [directly, through_relay] {
        let mut took = votes.took.clone();
        took.sort();
        let at = |percent: usize| milliseconds(took[took.len() * percent / 100]);
        let per_signature = |number: u64| count(number) / count(took.len());
        print!(
            "  {:>7.1} {:>7.1} {:>8.3} {:>11.3}",
            at(50),
            at(99),
            per_signature(votes.arrived.executions),
            per_signature(votes.arrived.connections)
        );
    }
    let target = round_trip + VAULT.max(DATABASE) + Duration::from_millis(3);
    println!("  {:>13}", target.as_millis());
}

fn count(number: impl TryInto<u32, Error: std::fmt::Debug>) -> f64 {
    f64::from(number.try_into().unwrap())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
