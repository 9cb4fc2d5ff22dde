//! Calls of the vault: hedging, dead connections, and who receives tokens.

use crate::azure::cloud::{self, KnownKey, add, always, baker, ms, next, stored};
use crate::azure::instance::{Instance, command};
use crate::support::http::Answer;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Curve, Delay, Effect, NewKey, Operation};
use std::thread;
use std::time::{Duration, Instant};

/// Extra time for a loaded machine.
const MARGIN: Duration = ms(500);

/// The default time before a second call starts.
const TRY: Duration = ms(800);

fn vote_of(signer: &Instance, key: &KnownKey, level: u32) -> (Answer, Duration) {
    let start = Instant::now();
    (signer.sign(&key.hash, &payload(Kind::Attestation, level, 0, 0)), start.elapsed())
}

#[test]
fn a_late_call_is_kept_and_a_second_one_started() {
    let slow = Effect::Delay(Delay::Fixed(ms(400)));
    let hedged: &[_] = &[("VAULT_HEDGE_MS", "100")];
    for (name, settings, times, effect, from, to, calls) in [
        ("default, hangs", &[][..], 1, Effect::Hang, TRY, TRY + ms(100), 2),
        ("default, slow", &[], 2, slow, ms(400), ms(500), 1),
        ("on, hangs", hedged, 1, Effect::Hang, ms(100), ms(200), 2),
        ("on, the first is slow", hedged, 1, slow, ms(100), ms(200), 2),
        ("on, two are slow", hedged, 2, slow, ms(200), ms(300), 3),
        ("on, quick", hedged, 1, Effect::Delay(Delay::Fixed(ms(20))), ms(20), ms(90), 1),
        ("on, immediate error", hedged, 1, Effect::status(503), ms(0), ms(90), 2),
        ("on, the second fails", hedged, 1, Effect::LateWork(Delay::Fixed(ms(400))), ms(100), ms(250), 3),
    ] {
        for kind in [Kind::Attestation, Kind::Block] {
            let azure = cloud::start();
            let key = baker(&azure);
            let signer = Instance::start_ready(&azure, settings);
            signer.sign(&key.hash, &payload(kind, 1, 0, 0)).signature();
            azure.key_vault.reset_requests();
            next(times, azure.key_vault.faults(), Operation::Sign, effect);
            if name == "on, the second fails" {
                next(1, azure.key_vault.faults(), Operation::Sign, Effect::status(500));
            }
            let requested = payload(kind, 2, 0, 0);
            let start = Instant::now();
            let signature = signer.sign(&key.hash, &requested).signature();
            let took = start.elapsed();
            key.verify(&requested, &signature);
            assert!((from..=to + MARGIN).contains(&took), "{name}, {kind}: {took:?}");
            let signed = azure.key_vault.requests(Operation::Sign);
            assert!(signed == calls || (took > to && signed <= calls + 1), "{name}, {kind}: {signed} calls");
            if kind == Kind::Block {
                let stored = stored(&azure, &key, kind).unwrap();
                assert_eq!(stored["signature"], signature.as_str(), "{name}: of two signatures, one");
                assert_eq!(signer.sign(&key.hash, &requested).signature(), signature, "{name}");
            }
        }
    }
}

/// Opens as many connections as there are keys, by concurrent requests.
fn with_many_connections(azure: &Azure) -> (Vec<KnownKey>, Instance) {
    let keys: Vec<_> = (1..=8).map(|n| add(azure, NewKey::new(format!("key-{n}"), Curve::P256), n)).collect();
    let signer = Instance::start_ready(azure, &[]);
    azure.key_vault.latency(Delay::Fixed(ms(150)));
    all_vote(&signer, &keys, 1);
    azure.key_vault.latency(Delay::NONE);
    (keys, signer)
}

/// The latency of the slowest.
fn all_vote(signer: &Instance, keys: &[KnownKey], level: u32) -> Duration {
    thread::scope(|scope| {
        let requested: Vec<_> = keys.iter().map(|key| scope.spawn(move || vote_of(signer, key, level))).collect();
        let answers = requested.into_iter().map(|answer| answer.join().unwrap());
        let took = answers.map(|(answer, took)| {
            answer.signature();
            took
        });
        took.max().unwrap()
    })
}

#[test]
fn silently_dead_connections_are_all_given_up_after_one_call() {
    for service in ["vault", "mark store"] {
        let azure = cloud::start();
        let (keys, signer) = with_many_connections(&azure);
        let freeze = || match service {
            "vault" => azure.key_vault.freeze_connections(),
            _ => azure.cosmos.freeze_connections(),
        };
        freeze();
        let took = all_vote(&signer, &keys, 2);
        assert!(took < TRY + ms(200) + MARGIN, "{service}: {took:?}");
        freeze();
        // Sequentially: the first one detects it for all.
        let (answer, took) = vote_of(&signer, &keys[0], 3);
        answer.signature();
        assert!(took < TRY + ms(200) + MARGIN, "{service}: {took:?}");
        for key in &keys[1..] {
            let (answer, took) = vote_of(&signer, key, 3);
            answer.signature();
            assert!(took < MARGIN, "{service}: another dead connection was tried: {took:?}");
        }
    }
}

#[test]
fn a_vault_that_requests_tokens_for_another_service_gets_none() {
    let azure = cloud::start();
    let key = baker(&azure);
    // The stand-in of Key Vault, under a name of a Managed HSM: its challenge is for Key Vault.
    let url = azure.key_vault.url().replace("standin.vault.localhost", "standin.managedhsm.localhost");
    let signer = Instance::start(&azure, &[("KEY_VAULT_URL", &url)]);
    let answer = vote_of(&signer, &key, 1).0;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.error().contains("the vault cannot do this"), "{}", answer.error());
    let with_a_token = [Operation::ListKeys, Operation::GetKey, Operation::Sign, Operation::Other];
    assert_eq!(with_a_token.map(|on| azure.key_vault.requests(on)), [0; 4]);
}

#[test]
fn a_vault_with_an_untrusted_certificate_gets_no_request() {
    let (azure, other) = (cloud::start(), cloud::start());
    let key = baker(&azure);
    let of_other = other.environment().into_iter().find(|(name, _)| *name == "SSL_CERT_FILE").unwrap().1;
    let signer = Instance::start(&azure, &[("SSL_CERT_FILE", &of_other)]);
    let answer = vote_of(&signer, &key, 1).0;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.error().contains("the vault cannot be used now"), "{}", answer.error());
    assert_eq!(azure.key_vault.requests(Operation::Any) + azure.cosmos.requests(Operation::Any), 0);
}

#[test]
fn a_machine_without_root_certificates_fails_at_once_with_the_reason() {
    let azure = cloud::start();
    let output = command(&azure, &[("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("no CA certificates found"), "{error}");
}

#[test]
fn known_keys_can_be_read_while_the_vault_is_down() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    always(azure.key_vault.faults(), Operation::Any, Effect::Hang);
    let start = Instant::now();
    assert_eq!(signer.get(&format!("/keys/{}", key.hash)).status, 200);
    assert_eq!(signer.keys(), [key.hash]);
    assert!(start.elapsed() < MARGIN);
}
