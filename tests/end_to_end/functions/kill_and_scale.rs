//! Two bakers with one key, at a host with four handlers that are killed at random.

use crate::azure::cloud::{self, KnownKey, baker, stored};
use crate::functions::hosted::{Hosted, options, settings};
use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use functions_host::{InstanceState, Options};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

const INSTANCES: usize = 4;
const KILLS: usize = 100;

/// A released signature.
struct Release {
    slot: (Kind, u32),
    variant: u8,
    signature: String,
}

/// State shared by the bakers and the killer.
struct Run<'a> {
    address: SocketAddr,
    key: &'a KnownKey,
    released: Mutex<Vec<Release>>,
    is_over: AtomicBool,
}

#[test]
fn four_handlers_killed_under_load_release_nothing_twice_and_refuse_no_repeat() {
    let azure = cloud::start();
    let key = baker(&azure);
    let environment = settings(&azure, &[("RUST_LOG", "error")]);
    let host =
        Hosted::start_ready(Options { instances: INSTANCES, replace_stopped_instances: true, ..options(environment) });
    eventually("a healthy host", || (host.get("/health").status == 200).then_some(()));
    let run = Run { address: host.address(), key: &key, released: Mutex::default(), is_over: AtomicBool::new(false) };
    let levels: Vec<_> = thread::scope(|scope| {
        let mut bakers = Vec::new();
        for kind in Kind::ALL {
            let ((to_second, from_first), (to_first, from_second)) = (channel(), channel());
            for (variant, to_other, from_other) in [(0, to_second, from_second), (1, to_first, from_first)] {
                let baker = Baker { run: &run, kind, variant, to_other, from_other };
                bakers.push((kind, scope.spawn(move || baker.bake())));
            }
        }
        kill_at_random(&host);
        run.is_over.store(true, Ordering::Relaxed);
        bakers.into_iter().map(|(kind, baker)| (kind, baker.join().unwrap())).step_by(2).collect()
    });

    let mut slots: HashMap<(Kind, u32), (u8, HashSet<String>)> = HashMap::new();
    for Release { slot, variant, signature } in run.released.into_inner().unwrap() {
        let (first, signatures) = slots.entry(slot).or_insert_with(|| (variant, HashSet::new()));
        assert_eq!(*first, variant, "two payloads were released for {slot:?}");
        signatures.insert(signature);
    }
    for ((kind, level), (variant, signatures)) in &slots {
        assert!(*kind != Kind::Block || signatures.len() == 1, "{signatures:?} for the block {level}");
        for signature in signatures {
            key.verify(&payload(*kind, *level, 0, *variant), signature);
        }
    }
    let signed: u32 = levels.iter().map(|(_, level)| level).sum();
    assert_eq!(slots.len(), usize::try_from(signed).unwrap(), "each slot is signed by one baker");
    for (kind, level) in levels {
        assert_eq!(stored(&azure, &key, kind).unwrap()["level"], level, "{kind}");
        assert!(level >= 20, "{kind}: {level} levels are too few");
    }
    // The kills must have had an effect, or the test shows nothing.
    let lost = host.log().count(|entry| entry.message.contains("Retrying in"));
    assert!(lost > 0, "no request was under way in a handler that was killed");
}

/// Kills one started handler after another.
fn kill_at_random(host: &Hosted) {
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut killed = 0;
    while killed < KILLS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        thread::sleep(Duration::from_millis(random % 150));
        let ready: Vec<_> =
            host.instances().into_iter().filter(|instance| instance.state == InstanceState::Ready).collect();
        let Some(index) = usize::try_from(random >> 32).unwrap().checked_rem(ready.len()) else { continue };
        killed += usize::from(host.kill(ready[index].number));
    }
}

/// One of the two bakers, for one kind.
struct Baker<'a> {
    run: &'a Run<'a>,
    kind: Kind,
    /// Makes its payloads differ from the other baker's.
    variant: u8,
    /// Agree with the other baker on whether this level is the last, before both continue.
    to_other: Sender<bool>,
    from_other: Receiver<bool>,
}

impl Baker<'_> {
    /// Requests one level after another until the killing is over; returns their number.
    fn bake(&self) -> u32 {
        for level in 1.. {
            let is_last = self.run.is_over.load(Ordering::Relaxed);
            if self.request(level) {
                assert!(self.request(level), "{} at level {level}: a repeat was refused", self.kind);
            }
            self.to_other.send(is_last).expect("the other baker");
            if self.from_other.recv().expect("the other baker") || is_last {
                return level;
            }
        }
        unreachable!("levels do not end");
    }

    /// Repeats a request until there is a verdict; returns whether it was signed.
    fn request(&self, level: u32) -> bool {
        let payload = payload(self.kind, level, 0, self.variant);
        eventually("a verdict", || {
            let answer = http::sign(self.run.address, &self.run.key.hash, &payload).unwrap();
            match answer.status {
                200 => {
                    let release =
                        Release { slot: (self.kind, level), variant: self.variant, signature: answer.signature() };
                    self.run.released.lock().unwrap().push(release);
                    Some(true)
                }
                409 => {
                    assert!(answer.error().contains("already signed with different data"), "{answer:?}");
                    Some(false)
                }
                500 | 502 | 503 => None,
                _ => panic!("{answer:?}"),
            }
        })
    }
}
