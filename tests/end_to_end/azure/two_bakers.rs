//! Two bakers with one key, who request different signatures from four instances concurrently.

use crate::azure::cloud::{self, KnownKey, baker, stored};
use crate::azure::instance::Instance;
use crate::support::http::{self, Connection};
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

const INSTANCES: usize = 4;
const LEVELS: u32 = 2_000;

/// Logs no line per request, but the one with the address of the instance.
const QUIET: (&str, &str) = ("RUST_LOG", "error,azurehsm_signer::cli=info");

/// The round at each level, which varies.
const fn round_of(level: u32) -> u32 {
    level % 3
}

/// One of the two bakers, for one kind.
struct Baker<'a> {
    /// Makes its payloads differ from the other baker's.
    variant: u8,
    kind: Kind,
    key: &'a KnownKey,
    instances: Vec<Connection>,
    /// Exchange the results of a slot with the other baker, before both continue.
    to_other: Sender<Option<u8>>,
    from_other: Receiver<Option<u8>>,
    /// Chooses the instances, so that requests are spread out.
    random: u64,
    released: Vec<Release>,
}

/// A released signature.
struct Release {
    slot: (Kind, u32, u32),
    variant: u8,
    signature: String,
}

#[test]
fn invariants_3_and_4_two_bakers_at_four_instances_never_get_two_payloads_of_one_slot_signed() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signers: Vec<_> = (0..INSTANCES).map(|_| Instance::start_ready(&azure, &[QUIET])).collect();
    let released: Vec<Release> = thread::scope(|scope| {
        let mut bakers = Vec::new();
        for kind in Kind::ALL {
            let ((to_second, from_first), (to_first, from_second)) = (channel(), channel());
            for (variant, to_other, from_other) in [(0, to_second, from_second), (1, to_first, from_first)] {
                let instances = signers.iter().map(|signer| http::connect(signer.address).unwrap()).collect();
                let (random, released) = (u64::from(variant) + 1, Vec::new());
                let mut baker = Baker { variant, kind, key: &key, instances, to_other, from_other, random, released };
                bakers.push(scope.spawn(move || {
                    baker.bake();
                    baker.released
                }));
            }
        }
        bakers.into_iter().flat_map(|baker| baker.join().unwrap()).collect()
    });

    let mut slots: HashMap<(Kind, u32, u32), (u8, HashSet<String>)> = HashMap::new();
    for Release { slot, variant, signature } in released {
        let (first, signatures) = slots.entry(slot).or_insert_with(|| (variant, HashSet::new()));
        assert_eq!(*first, variant, "two payloads were released for {slot:?}");
        signatures.insert(signature);
    }
    assert_eq!(slots.len(), Kind::ALL.len() * LEVELS as usize, "each slot is signed by one baker");
    for ((kind, level, round), (variant, signatures)) in &slots {
        assert!(*kind != Kind::Block || signatures.len() == 1, "{signatures:?} for the block {level}, {round}");
        // All signatures, with a library other than the signer's.
        for signature in signatures {
            key.verify(&payload(*kind, *level, *round, *variant), signature);
        }
    }
    for kind in Kind::ALL {
        let mark = stored(&azure, &key, kind).unwrap();
        assert_eq!((&mark["level"], &mark["round"]), (&LEVELS.into(), &round_of(LEVELS).into()));
    }
    let won = slots.values().filter(|(variant, _)| *variant == 0).count();
    assert!((1..slots.len()).contains(&won), "both bakers must win sometimes");
}

impl Baker<'_> {
    fn bake(&mut self) {
        for level in 1..=LEVELS {
            let round = round_of(level);
            // Sometimes two instances concurrently, like a relay that hedges.
            let times = 1 + usize::from(self.random().is_multiple_of(5));
            let mine = self.request(self.variant, level, round, times);
            assert!(mine == 0 || mine == times, "a request was signed, but its repeat was not");
            let signed = (mine > 0).then_some(self.variant);
            let other = self.meet(signed);
            let [winner] = [signed, other].into_iter().flatten().collect::<Vec<_>>()[..] else {
                panic!("{} at level {level}, round {round}: {signed:?} and {other:?}", self.kind);
            };
            if level.is_multiple_of(5) {
                assert_eq!(self.request(winner, level, round, 1), 1, "a repeat is signed for both bakers");
                assert_eq!(self.request(1 - winner, level, round, 1), 0, "a conflict is never signed");
                self.meet(None);
            }
        }
    }

    /// Sends the request to this many instances concurrently; returns how many signed.
    fn request(&mut self, variant: u8, level: u32, round: u32, times: usize) -> usize {
        let slot = (self.kind, level, round);
        let payload = payload(self.kind, level, round, variant);
        let first = usize::try_from(self.random() % 64).unwrap();
        let requested: Vec<_> = (0..times).map(|number| (first + number) % INSTANCES).collect();
        let request = http::sign_request(&self.key.hash, &payload);
        for instance in &requested {
            self.instances[*instance].write_all(request.as_bytes()).unwrap();
        }
        let mut signed = 0;
        for instance in requested {
            let answer = self.instances[instance].read_answer().unwrap();
            if answer.status == 200 {
                self.released.push(Release { slot, variant, signature: answer.signature() });
                signed += 1;
            } else {
                let is_conflict = answer.status == 409 && answer.error().contains("already signed with different data");
                assert!(is_conflict, "{slot:?}: {answer:?}");
            }
        }
        signed
    }

    /// Exchanges results with the other baker. If that one has failed, this one fails, too.
    fn meet(&self, signed: Option<u8>) -> Option<u8> {
        self.to_other.send(signed).expect("the other baker");
        self.from_other.recv().expect("the other baker")
    }

    /// xorshift.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
