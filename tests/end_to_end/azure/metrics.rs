//! Metrics of calls to Azure, which signers with the embedded vault and store do not have.

use super::cloud::{self, always, baker, next};
use super::instance::Instance;
use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Effect, Operation, Options};
use std::net::SocketAddr;
use std::time::Duration;

const LISTEN: (&str, &str) = ("METRICS_LISTEN", "127.0.0.1:0");

fn start(azure: &Azure) -> (Instance, SocketAddr) {
    let signer = Instance::start_ready(azure, &[LISTEN]);
    let line: serde_json::Value = serde_json::from_str(&signer.logged("metrics_listening")).unwrap();
    let address = line["fields"]["address"].as_str().unwrap().parse().unwrap();
    (signer, address)
}

/// The value and the label of each series of a metric.
fn series(metrics: SocketAddr, metric: &str) -> Vec<(String, f64)> {
    let text = http::get(metrics, "/metrics").unwrap().body;
    let lines = text.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix('{')?.split_once("\"} "));
    let values = lines.map(|(label, value)| (label.split_once("=\"").unwrap().1.to_owned(), value.parse().unwrap()));
    values.collect()
}

#[test]
fn calls_that_are_repeated_or_throttled_are_counted_by_service() {
    let azure = cloud::start();
    let key = baker(&azure);
    let (signer, metrics) = start(&azure);
    signer.sign(&key.hash, &payload(Kind::Attestation, 1, 0, 0)).signature();
    let count = |counter: &str, service: &str| {
        let series = series(metrics, &format!("signer_service_{counter}_total"));
        series.into_iter().find(|(label, _)| label == service).map_or(0.0, |(_, value)| value)
    };
    let (vault, store) = (azure.key_vault.faults(), azure.cosmos.faults());
    let throttled = Effect::status(429);
    for (level, (service, faults, on, effect, counters)) in (2..).zip([
        ("vault", vault, Operation::Sign, throttled, &["throttled", "retries"][..]),
        ("vault", vault, Operation::Sign, Effect::status(500), &["retries"]),
        ("vault", vault, Operation::Sign, Effect::Hang, &["hedges"]),
        ("store", store, Operation::ReplaceItem, throttled, &["throttled", "retries"]),
        ("store", store, Operation::ReplaceItem, Effect::Hang, &["hedges"]),
    ]) {
        let counts =
            || ["vault", "store"].map(|service| ["throttled", "retries", "hedges"].map(|name| count(name, service)));
        let of_row = |name: &&str| counters.contains(name);
        let before = counts();
        next(1, faults, on, effect);
        signer.sign(&key.hash, &payload(Kind::Attestation, level, 0, 0)).signature();
        let after = counts();
        for (index, of_service) in ["vault", "store"].into_iter().enumerate() {
            for (number, name) in ["throttled", "retries", "hedges"].into_iter().enumerate() {
                let is_expected = of_service == service && of_row(&name);
                let rise = after[index][number] - before[index][number];
                // A slow machine may add hedges.
                let is_right = if name == "hedges" {
                    !is_expected || rise >= 1.0
                } else {
                    rise.to_string() == u8::from(is_expected).to_string()
                };
                assert!(is_right, "{name} of {of_service} rose by {rise} after {effect:?} of {on:?}");
            }
        }
    }
}

#[test]
fn the_lifetime_of_each_token_is_reported_until_it_has_expired() {
    const LIFE: Duration = Duration::from_secs(6);
    let azure = cloud::start_with(Options { token_life: LIFE, ..Options::default() });
    baker(&azure);
    let (_signer, metrics) = start(&azure);
    always(azure.identity.faults(), Operation::Token, Effect::status(500));
    let lifetimes = || series(metrics, "signer_token_lifetime_seconds");
    let before = lifetimes();
    let scopes: Vec<_> = before.iter().map(|(scope, _)| scope.rsplit_once('/').unwrap().1).collect();
    assert!(before.len() == 2 && scopes == [".default"; 2] && before[0].0 != before[1].0, "{before:?}");
    assert!(before.iter().all(|(_, lifetime)| *lifetime > 0.0 && *lifetime <= LIFE.as_secs_f64()), "{before:?}");
    eventually("expired tokens", || lifetimes().iter().all(|(_, lifetime)| *lifetime == 0.0).then_some(()));
}
