//! An instance that fails during a request, and another one that takes over.

use crate::azure::cloud::{self, baker, ms, next, stored};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Delay, Effect, Operation};
use std::io::Write;
use std::thread;

/// Faults that affect only the first instance's next request.
const TROUBLES: [(&str, Operation, Effect); 6] = [
    ("its write is done and its answer lost", Operation::ReplaceItem, Effect::HangAfterWork),
    ("its write is lost", Operation::ReplaceItem, Effect::Hang),
    ("its write is done late", Operation::ReplaceItem, Effect::LateWork(Delay::Fixed(ms(1_500)))),
    ("its write is slow", Operation::ReplaceItem, Effect::Delay(Delay::Fixed(ms(700)))),
    ("its signature is lost", Operation::Sign, Effect::HangAfterWork),
    ("its signature is slow", Operation::Sign, Effect::Delay(Delay::Fixed(ms(700)))),
];

#[test]
fn another_instance_takes_over_a_slot_only_with_the_same_payload() {
    for kind in [Kind::Attestation, Kind::Block] {
        for same in [true, false] {
            for (trouble, on, effect) in TROUBLES {
                let name = format!("{kind}, {}: {trouble}", if same { "the same" } else { "another" });
                let azure = cloud::start();
                let key = baker(&azure);
                let (first, other) = (Instance::start_ready(&azure, &[]), Instance::start_ready(&azure, &[]));
                first.sign(&key.hash, &payload(kind, 10, 0, 0)).signature();
                let faults = if on == Operation::Sign { azure.key_vault.faults() } else { azure.cosmos.faults() };
                next(1, faults, on, effect);

                let (mine, theirs) = (payload(kind, 20, 0, 0), payload(kind, 20, 0, u8::from(!same)));
                let (answer, taken_over) = thread::scope(|scope| {
                    let requested = scope.spawn(|| first.sign(&key.hash, &mine));
                    // The fault is active once it has been consumed.
                    eventually("the fault", || faults.list().is_empty().then_some(()));
                    let taken_over = other.sign(&key.hash, &theirs);
                    (requested.join().unwrap(), taken_over)
                });

                let statuses = (answer.status, taken_over.status);
                let expected: &[_] = if same { &[(200, 200)] } else { &[(200, 409), (409, 200)] };
                assert!(expected.contains(&statuses), "{name}: {answer:?} {taken_over:?}");
                let winner = if taken_over.status == 200 { (&theirs, &taken_over) } else { (&mine, &answer) };
                let signature = winner.1.signature();
                key.verify(winner.0, &signature);
                for instance in [&first, &other] {
                    let again = instance.sign(&key.hash, winner.0).signature();
                    assert!(kind != Kind::Block || again == signature, "{name}: a second signature");
                    assert_eq!(instance.sign(&key.hash, &payload(kind, 20, 0, 2)).status, 409, "{name}");
                }
                if kind == Kind::Block {
                    assert!(!same || answer.signature() == signature, "{name}: a second signature");
                    assert_eq!(stored(&azure, &key, kind).unwrap()["signature"], signature.as_str(), "{name}");
                }
            }
        }
    }
}

#[test]
fn marks_of_a_killed_instance_hold_for_the_others() {
    for (kind, on) in [
        (Kind::Attestation, Operation::ReplaceItem),
        (Kind::Block, Operation::ReplaceItem),
        (Kind::Attestation, Operation::Sign),
        (Kind::Block, Operation::Sign),
    ] {
        let azure = cloud::start();
        let key = baker(&azure);
        let (first, other) = (Instance::start_ready(&azure, &[]), Instance::start_ready(&azure, &[]));
        first.sign(&key.hash, &payload(kind, 10, 0, 0)).signature();
        let faults = if on == Operation::Sign { azure.key_vault.faults() } else { azure.cosmos.faults() };
        next(1, faults, on, Effect::HangAfterWork);
        let requested = payload(kind, 20, 0, 0);
        let mut waiting = http::connect(first.address).unwrap();
        waiting.write_all(http::sign_request(&key.hash, &requested).as_bytes()).unwrap();
        eventually("the request", || faults.list().is_empty().then_some(()));
        // A vote's mark is written while the vault signs; a block's only afterwards.
        let is_recorded = (kind, on) != (Kind::Block, Operation::Sign);
        let mark = is_recorded
            .then(|| eventually("the mark", || stored(&azure, &key, kind).filter(|mark| mark["level"] == 20)));
        drop(first);

        let conflict = payload(kind, 20, 0, 1);
        if is_recorded {
            assert_eq!(other.sign(&key.hash, &conflict).status, 409, "{kind}, {on:?}");
            let signature = other.sign(&key.hash, &requested).signature();
            key.verify(&requested, &signature);
            assert!(kind != Kind::Block || mark.unwrap()["signature"] == signature.as_str(), "{kind}, {on:?}");
        } else {
            key.verify(&conflict, &other.sign(&key.hash, &conflict).signature());
            assert_eq!(other.sign(&key.hash, &requested).status, 409, "nothing was released, so the slot is free");
        }
    }
}

#[test]
fn an_instance_paused_during_a_request_releases_nothing_that_conflicts_with_another() {
    for kind in Kind::ALL {
        let azure = cloud::start();
        let key = baker(&azure);
        let (first, other) = (Instance::start_ready(&azure, &[]), Instance::start_ready(&azure, &[]));
        first.sign(&key.hash, &payload(kind, 10, 0, 0)).signature();
        // The machine stops during the request: answers to its calls arrive too late.
        azure.key_vault.latency(Delay::Fixed(ms(200)));
        let before = azure.key_vault.requests(Operation::Sign);
        let (answer, taken_over) = thread::scope(|scope| {
            let requested = scope.spawn(|| first.sign(&key.hash, &payload(kind, 20, 0, 0)));
            eventually("the request", || (azure.key_vault.requests(Operation::Sign) > before).then_some(()));
            first.signal("STOP");
            let taken_over = other.sign(&key.hash, &payload(kind, 20, 0, 1));
            first.signal("CONT");
            (requested.join().unwrap(), taken_over)
        });
        let released = [&answer, &taken_over].map(|answer| answer.status == 200);
        assert_eq!(released.iter().filter(|released| **released).count(), 1, "{answer:?} {taken_over:?}");
        let refused = if released[0] { &taken_over } else { &answer };
        assert_eq!(refused.status, 409, "{refused:?}");
    }
}
