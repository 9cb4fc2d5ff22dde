//! A mark store that is slow for a while and then recovers, while bakers continue to vote.

use crate::azure::cloud::{self, add, baker, ms};
use crate::azure::instance::Instance;
use crate::support::payloads::payload;
use crate::trouble::is_long;
use crate::trouble::voters::Voters;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Curve, Delay, NewKey};
use std::thread;
use std::time::{Duration, Instant};

/// The maximum time from the end of a brown-out to the next signature.
const LIMIT: Duration = Duration::from_secs(1);

/// Length and delay of each brown-out. In the long form: 20, of 1 to 30 s at 1 to 5 s.
fn brownouts() -> Vec<(Duration, Duration)> {
    if !is_long() {
        return vec![(ms(3_000), ms(1_500)), (ms(11_000), ms(5_000))];
    }
    let lengths = [1, 2, 3, 5, 8, 10, 12, 15, 18, 20, 22, 24, 25, 26, 27, 28, 29, 30, 30, 30];
    let delays = [1_000, 2_000, 3_000, 4_000, 5_000].into_iter().cycle();
    lengths.into_iter().zip(delays).map(|(length, delay)| (Duration::from_secs(length), ms(delay))).collect()
}

/// The number of concurrent runs.
const PARALLEL: usize = 5;

#[test]
fn brownouts_end_with_a_signature_within_a_second() {
    let brownouts = brownouts();
    let mut times = Vec::new();
    for some in brownouts.chunks(PARALLEL) {
        let running: Vec<_> = some
            .iter()
            .map(|(length, delay)| (*length, *delay))
            .map(|(length, delay)| thread::spawn(move || recovery(length, delay)))
            .collect();
        times.extend(running.into_iter().map(|running| running.join().unwrap()));
    }
    let in_time = times.iter().filter(|time| **time <= LIMIT).count();
    println!(
        "brown-outs: {in_time} of {} sign within {LIMIT:?}; at most {:.0?}",
        times.len(),
        times.iter().max().unwrap()
    );
    assert_eq!(in_time, times.len(), "{times:?}");
}

/// The time from the end of a brown-out to the first signature after it.
fn recovery(length: Duration, delay: Duration) -> Duration {
    let azure = cloud::start();
    let keys = [baker(&azure), add(&azure, NewKey::new("other", Curve::P256K), 2)];
    let signer = Instance::start_ready(&azure, &[]);
    for key in &keys {
        signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 0)).signature();
    }
    let hashes: Vec<_> = keys.iter().map(|key| key.hash.as_str()).collect();
    let voters = Voters::start(&signer, &hashes, ms(500));
    azure.cosmos.latency(Delay::Fixed(delay));
    thread::sleep(length);
    azure.cosmos.latency(Delay::NONE);
    let end = Instant::now();
    let first = voters.first_signature_after(end, Duration::from_secs(15));
    let error = voters.last_error();
    let votes = voters.stop();
    let first = first.unwrap_or_else(|| panic!("{length:?} at {delay:?}: {error:?}"));
    let sent = votes.iter().filter(|vote| vote.sent < end).count();
    let signed = votes.iter().filter(|vote| vote.sent < end && vote.status == 200).count();
    println!(
        "brown-out of {length:?} at {delay:?}: signs {first:.0?} after its end; {signed} of {sent} votes before were signed"
    );
    first
}
