//! The latency of votes, directly and through the relay.

use crate::octez::{Octez, OverLoopback, OverTls};
use crate::payloads;
use crate::plot::{self, Series};
use crate::sites::{Arrived, DATABASE, FUNCTION_KEY, Region, Relay, VAULT};
use crate::table::{count, milliseconds, percentile};
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::FunctionApp;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use test_support::http::{Connection, request};
use wan::{Link, Site, Wan};

const ROUND_TRIPS: [Duration; 3] = [Duration::from_millis(1), Duration::from_millis(20), Duration::from_millis(80)];
/// Share of packets lost, in each direction.
const LOSSES: [f64; 2] = [0.0, 0.005];

/// Direct votes take so long that several bakers vote at the same time.
const DIRECT_BAKERS: usize = 4;
/// Votes of each baker, after a change of the network, that are not measured.
const WARM_UP: u32 = 2;

/// So many votes of each baker.
struct Times {
    direct: u32,
    relayed: u32,
}

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

/// Bakers across a network from a region: one with a relay, and some that call the function app directly.
struct Bakers<'a> {
    site: &'a Site,
    region: &'a Region,
    relay: Relay,
    relayed: Octez<OverLoopback>,
    direct: Vec<Octez<OverTls>>,
    processor: Processor,
}

/// Votes by keys in Key Vault.
pub(crate) fn of_votes() {
    const TIMES: Times = Times { direct: 50, relayed: 200 };
    let (wan, [site, at]) = network();
    let region = Region::start(&at, DIRECT_BAKERS + 1);
    let mut bakers = Bakers::new(&site, &region, 1, |level| payloads::payload(Kind::Attestation, level, 0, 0));
    let started = Arrived::at(&region.app_of_relay);
    println!(
        "\nthe relay, until it is ready: {} requests with the function key, {} connections",
        started.executions, started.connections
    );
    println!("\nvotes as octez requests them; requests and connections are those at the function app");
    print_head();
    let mut plotted = LOSSES.map(|_| Vec::new());
    for round_trip in ROUND_TRIPS {
        for (loss, plotted) in LOSSES.into_iter().zip(&mut plotted) {
            wan.set_rtt(&site, &at, round_trip);
            wan.set_loss(&site, &at, loss).unwrap();
            let row = bakers.vote(&TIMES);
            row.print(round_trip, loss, round_trip + VAULT.max(DATABASE));
            plotted.extend(row.plotted(round_trip));
        }
    }
    let [without_loss, with_loss] = plotted;
    plot::write("relay_votes", "Votes, by the round trip to the region", &without_loss);
    plot::write("relay_votes_with_loss", "Votes, with 0.5 % of the packets lost", &with_loss);
    bakers.print_relay();
    print_packets(&wan);
}

/// Votes of a tz4 consensus key with its companion key, in the embedded vault.
pub(crate) fn of_tz4_votes() {
    const TIMES: Times = Times { direct: 12, relayed: 100 };
    let (wan, [site, at]) = network();
    // One more pair is used in the region.
    let region = Region::start_embedded(&at, 2 * (DIRECT_BAKERS + 2));
    let (signer, keys) = (region.signer.address, region.keys.as_slice());
    let own_time = at.run(|| time_in_region(signer, keys)).unwrap();
    let mut bakers = Bakers::new(&site, &region, 2, |level| payloads::bls_attestation(level, 0, 0));
    println!(
        "\nvotes of tz4 keys with companion keys; in the region, both signatures in one request take {:.1} ms (p50)",
        milliseconds(own_time)
    );
    let mut plotted = Vec::new();
    print_head();
    for round_trip in ROUND_TRIPS {
        wan.set_rtt(&site, &at, round_trip);
        let row = bakers.vote(&TIMES);
        row.print(round_trip, 0.0, round_trip + own_time);
        plotted.extend(row.plotted(round_trip));
    }
    plot::write("relay_votes_tz4", "Votes of tz4 keys with companion keys, by the round trip to the region", &plotted);
    print_packets(&wan);
}

fn network() -> (Wan, [Site; 2]) {
    Wan::new(["baker", "region"], Link { rtt: Duration::ZERO, loss: 0.0 }).unwrap()
}

/// How long the signer takes for an attestation by the last pair of keys, as a client in the region sees it over an open
/// connection.
fn time_in_region(signer: SocketAddr, keys: &[String]) -> Duration {
    let [.., consensus, companion] = keys else { panic!("there are no keys") };
    let header = format!("x-signer-companion: {companion}");
    let mut connection = Connection::open(signer).unwrap();
    let mut sign = |level| {
        let body = format!("\"{}\"\n", hex::encode(payloads::bls_attestation(level, 0, 0)));
        let request = request("POST", &format!("/keys/{consensus}?version=3"), &["host: signer", &header], &body);
        let start = Instant::now();
        connection.write_all(request.as_bytes()).unwrap();
        let answer = connection.read_answer().unwrap();
        assert!(!answer.header("x-signer-companion-signature").is_empty(), "{answer:?}");
        start.elapsed()
    };
    sign(1);
    percentile(&(2..102).map(sign).collect::<Vec<_>>(), 50)
}

impl<'a> Bakers<'a> {
    /// Bakers with this many keys each; two are a consensus key and its companion.
    fn new(site: &'a Site, region: &'a Region, keys_each: usize, attestation: fn(u32) -> Vec<u8>) -> Self {
        let mut keys = region.keys.chunks(keys_each);
        let own = keys.next().unwrap();
        let companions = match own {
            [consensus, companion] => Some(("RELAY_COMPANIONS", format!("{consensus}={companion}"))),
            _ => None,
        };
        let settings: Vec<_> = companions.into_iter().collect();
        let upstream = &region.app_of_relay;
        let relay = site.run(|| Relay::start(site, &[upstream], &settings)).unwrap();
        let over_tls = OverTls::new(&region.app, FUNCTION_KEY);
        let direct = keys.take(DIRECT_BAKERS).map(|keys| Octez::new(over_tls.clone(), keys, attestation)).collect();
        let relayed = Octez::new(relay.signer(), own, attestation);
        Self { site, region, relay, relayed, direct, processor: Processor::default() }
    }

    fn vote(&mut self, times: &Times) -> Row {
        let (idle_before, start) = (self.relay.process.processor_microseconds(), Instant::now());
        let direct = self.vote_directly(times.direct);
        self.processor.idle_microseconds += self.relay.process.processor_microseconds() - idle_before;
        self.processor.idle += start.elapsed();
        Row { direct, relayed: self.vote_through_relay(times.relayed) }
    }

    fn vote_directly(&mut self, times: u32) -> Votes {
        let mut vote = |times| {
            let together = || -> Vec<Duration> {
                std::thread::scope(|scope| {
                    let voting = self.direct.iter_mut().map(|baker| scope.spawn(move || baker.vote(times)));
                    let voting: Vec<_> = voting.collect();
                    voting.into_iter().flat_map(|baker| baker.join().unwrap()).collect()
                })
            };
            self.site.run(together).unwrap()
        };
        vote(WARM_UP);
        arrivals_at(&self.region.app, || vote(times))
    }

    fn vote_through_relay(&mut self, times: u32) -> Votes {
        let (site, baker) = (self.site, &mut self.relayed);
        let mut vote = |times| site.run(|| baker.vote(times)).unwrap();
        vote(WARM_UP);
        let used = self.relay.process.processor_microseconds();
        let votes = arrivals_at(&self.region.app_of_relay, || vote(times));
        self.processor.busy_microseconds += self.relay.process.processor_microseconds() - used;
        self.processor.votes += votes.took.len();
        votes
    }

    fn print_relay(&self) {
        let Processor { busy_microseconds, votes, idle_microseconds, idle } = self.processor;
        println!(
            "\nrelay: {:.1} MB resident, of which {:.1} MB are private; {:.0} µs of CPU time per signature, and {:.1} ms per minute while idle",
            self.relay.process.resident_megabytes(),
            self.relay.process.private_megabytes(),
            busy_microseconds / count(votes),
            idle_microseconds / 1e3 / (idle.as_secs_f64() / 60.0),
        );
    }
}

fn arrivals_at(app: &FunctionApp, vote: impl FnOnce() -> Vec<Duration>) -> Votes {
    let before = Arrived::at(app);
    let took = vote();
    Votes { took, arrived: Arrived::at(app).since(before) }
}

/// Votes through one network.
struct Row {
    direct: Votes,
    relayed: Votes,
}

fn print_head() {
    println!("{:>13}  {:^36}  {:^36}", "", "directly, per vote", "through the relay, per vote");
    print!("{:>6} {:>6}", "rtt ms", "loss %");
    for _ in 0..2 {
        print!("  {:>7} {:>7} {:>8} {:>11}", "p50 ms", "p99 ms", "requests", "connections");
    }
    println!("  {:>10}", "target p50");
}

impl Row {
    /// `ideal` is the time through a relay that takes none.
    fn print(&self, round_trip: Duration, loss: f64, ideal: Duration) {
        print!("{:>6} {:>6}", round_trip.as_millis(), loss * 100.0);
        for Votes { took, arrived } in [&self.direct, &self.relayed] {
            let at = |percent| milliseconds(percentile(took, percent));
            let per_vote = |number: u64| count(number) / count(took.len());
            print!(
                "  {:>7.1} {:>7.1} {:>8.3} {:>11.3}",
                at(50),
                at(99),
                per_vote(arrived.executions),
                per_vote(arrived.connections)
            );
        }
        println!("  {:>10.0}", milliseconds(ideal + Duration::from_millis(3)));
    }

    fn plotted(self, round_trip: Duration) -> [Series; 2] {
        let ms = round_trip.as_millis();
        [
            Series { name: format!("directly, {ms} ms"), took: self.direct.took },
            Series { name: format!("through the relay, {ms} ms"), took: self.relayed.took },
        ]
    }
}

fn print_packets(wan: &Wan) {
    let packets = wan.statistics();
    println!(
        "network: {} packets delivered, late by {:.0} µs on average and {:.1} ms at most; {} lost",
        packets.delivered,
        packets.mean_lateness.as_secs_f64() * 1e6,
        milliseconds(packets.max_lateness),
        packets.lost
    );
}
