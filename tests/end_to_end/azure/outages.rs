//! Azure, or one of its services, is down: at startup, or permanently.

use super::ANY_OPERATION;
use crate::azure::cloud::{self, always, baker, ms, next};
use crate::azure::instance::Instance;
use crate::support::payloads::{block, payload, transfer};
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Delay, Effect, Operation};
use std::time::{Duration, Instant};

/// The default deadline, and extra time for a loaded machine.
const IN_TIME: Duration = Duration::from_millis(4_000 + 1_500);

/// The maximum time to recover: a new token, a new connection, a new search for keys.
const RECOVERY: Duration = Duration::from_secs(10);

fn refuse(azure: &Azure, refuse: bool) {
    azure.identity.refuse_connections(refuse);
    azure.key_vault.refuse_connections(refuse);
    azure.cosmos.refuse_connections(refuse);
}

/// Behaviour during an outage at startup: it listens, reports unhealthy, and answers every request with the reason.
fn is_down(signer: &Instance, key: &str, reason: &str) {
    assert_eq!(signer.get("/").status, 200, "the host considers it started");
    assert_eq!(signer.get("/health").status, 503);
    for payload in [payload(Kind::Attestation, 7, 0, 0), block(7, 0, 0), transfer(1, 1)] {
        let start = Instant::now();
        let answer = signer.sign(key, &payload);
        assert_eq!(answer.status, 500, "{answer:?}");
        assert!(answer.error().contains(reason), "{reason}: {}", answer.error());
        assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
    }
    assert!(signer.keys().is_empty());
}

#[test]
fn a_signer_started_while_azure_is_down_reports_it_and_recovers_without_a_restart() {
    let azure = cloud::start();
    let key = baker(&azure);
    refuse(&azure, true);
    let signer = Instance::start(&azure, &[ANY_OPERATION]);
    is_down(&signer, &key.hash, "the vault");
    for line in
        ["\"event\":\"token_refresh_failed\"", "\"event\":\"store_unavailable\"", "\"event\":\"keys_unreadable\""]
    {
        assert!(signer.logged(line).contains("WARN"), "{line}");
    }
    let down = Instant::now();
    refuse(&azure, false);
    signer.wait_until_ready();
    assert!(down.elapsed() < RECOVERY, "ready again after {:?}", down.elapsed());
    for payload in [payload(Kind::Attestation, 7, 0, 0), block(7, 0, 0), transfer(1, 1)] {
        key.verify(&payload, &signer.sign(&key.hash, &payload).signature());
    }
}

#[test]
fn a_signer_started_while_azure_hangs_recovers() {
    let azure = cloud::start();
    let key = baker(&azure);
    let services = [azure.identity.faults(), azure.key_vault.faults(), azure.cosmos.faults()];
    for faults in services {
        always(faults, Operation::Any, Effect::Hang);
    }
    let signer = Instance::start(&azure, &[ANY_OPERATION]);
    is_down(&signer, &key.hash, "");
    for faults in services {
        faults.clear();
    }
    signer.wait_until_ready();
    let vote = payload(Kind::Attestation, 7, 0, 0);
    key.verify(&vote, &signer.sign(&key.hash, &vote).signature());
}

#[test]
fn each_service_that_is_down_at_the_start_is_waited_for() {
    for name in ["identity", "vault", "mark store"] {
        let goes_down = |azure: &Azure, down| match name {
            "identity" => azure.identity.refuse_connections(down),
            "vault" => azure.key_vault.refuse_connections(down),
            _ => azure.cosmos.refuse_connections(down),
        };
        let azure = cloud::start();
        let key = baker(&azure);
        goes_down(&azure, true);
        let signer = Instance::start(&azure, &[]);
        assert_eq!((signer.get("/").status, signer.get("/health").status), (200, 503), "{name}");
        let vote = payload(Kind::Attestation, 7, 0, 0);
        let start = Instant::now();
        let answer = signer.sign(&key.hash, &vote);
        assert_eq!(answer.status, 500, "{name}: {answer:?}");
        assert!(!answer.error().is_empty() && start.elapsed() < IN_TIME, "{name}");
        goes_down(&azure, false);
        let recovering = Instant::now();
        key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
        assert!(recovering.elapsed() < RECOVERY, "{name}: {:?}", recovering.elapsed());
    }
}

#[test]
fn operations_are_signed_while_the_mark_store_is_down() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[ANY_OPERATION]);
    azure.cosmos.refuse_connections(true);
    assert_eq!(signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 0)).status, 500);
    key.verify(&transfer(1, 1), &signer.sign(&key.hash, &transfer(1, 1)).signature());
    assert_eq!(signer.get("/health").status, 503, "a store that does not answer makes it unhealthy");
}

#[test]
fn a_refusal_of_the_vault_does_not_make_the_mark_store_unhealthy() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    // The vault has refused before the mark is written.
    azure.cosmos.latency(Delay::Fixed(ms(600)));
    // A denial is retried once.
    next(2, azure.key_vault.faults(), Operation::Sign, Effect::status(403));
    assert_eq!(signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 0)).status, 500);
    assert_eq!(signer.get("/health").status, 200, "the store has answered every call");
}

/// A write that never left this machine is repeated; one that may have been done is read back immediately.
#[test]
fn a_write_that_was_not_sent_is_repeated_without_a_read() {
    let azure = cloud::start();
    let key = baker(&azure);
    let signer = Instance::start_ready(&azure, &[]);
    let vote = |level| payload(Kind::Attestation, level, 0, 0);
    signer.sign(&key.hash, &vote(7)).signature();
    azure.cosmos.refuse_connections(true);
    // Wait until the signer has noticed that its connection is closed.
    std::thread::sleep(ms(300));
    azure.cosmos.reset_requests();
    std::thread::scope(|scope| {
        let signed = scope.spawn(|| signer.sign(&key.hash, &vote(8)));
        std::thread::sleep(ms(700));
        azure.cosmos.refuse_connections(false);
        key.verify(&vote(8), &signed.join().unwrap().signature());
    });
    let [reads, writes] = [Operation::ReadItem, Operation::ReplaceItem].map(|on| azure.cosmos.requests(on));
    assert_eq!((reads, writes), (0, 1), "a write that was not sent needs no read");

    next(1, azure.cosmos.faults(), Operation::ReplaceItem, Effect::CloseAfterWork);
    azure.cosmos.reset_requests();
    let start = Instant::now();
    key.verify(&vote(9), &signer.sign(&key.hash, &vote(9)).signature());
    let [reads, writes] = [Operation::ReadItem, Operation::ReplaceItem].map(|on| azure.cosmos.requests(on));
    assert_eq!((reads, writes), (1, 1), "the write was done, which the read shows");
    assert!(start.elapsed() < ms(1_000), "{:?}", start.elapsed());
}

#[test]
fn an_outage_is_logged_in_few_lines_and_by_the_sdk_only_if_configured() {
    const REQUESTS: u32 = 3;
    /// Each outage is one or two lines, however many attempts there are.
    const MAX_OTHER_LINES: usize = 8;
    const ATTEMPT: &str = "Failed response";
    std::thread::scope(|scope| {
        for (name, filter) in [
            ("identity", "info"),
            ("vault", "info"),
            ("mark store", "info"),
            ("vault", "warn"),
            ("vault", "info,typespec_client_core=info"),
        ] {
            scope.spawn(move || {
                let azure = cloud::start();
                let key = baker(&azure);
                let signer =
                    Instance::start_ready(&azure, &[("RUST_LOG", &format!("{filter},azurehsm_signer::cli=info"))]);
                signer.sign(&key.hash, &payload(Kind::Attestation, 7, 0, 0)).signature();
                let before = signer.log().len();
                let goes_down = |down| match name {
                    "identity" => azure.identity.refuse_connections(down),
                    "vault" => azure.key_vault.refuse_connections(down),
                    _ => azure.cosmos.refuse_connections(down),
                };
                azure.identity.revoke_all();
                goes_down(true);
                for request in 1..=REQUESTS {
                    assert_eq!(signer.sign(&key.hash, &payload(Kind::Attestation, 7 + request, 0, 0)).status, 500);
                }
                goes_down(false);
                signer.eventually_signs_again(&key.hash, &payload(Kind::Attestation, 20, 0, 0));
                let log = signer.stop();
                let during = &log[before..];
                let attempts = during.iter().filter(|line| line.contains(ATTEMPT)).count();
                if filter.contains("typespec") {
                    assert!(attempts > MAX_OTHER_LINES, "{during:#?}");
                    return;
                }
                assert_eq!(attempts, 0, "{name}: {during:#?}");
                assert!(log.iter().all(|line| line.contains("\"event\":\"")), "{name}: {log:#?}");
                let others = during.iter().filter(|line| !line.contains("\"verdict\"")).count();
                assert!(others <= MAX_OTHER_LINES, "{name}: {during:#?}");
            });
        }
    });
}
