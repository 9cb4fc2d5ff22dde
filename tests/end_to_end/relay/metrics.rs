//! The relay's metrics, and what only they show.

use super::front::{Effect, Front};
use super::setup::{Relay, Setup, attestation, signing_request};
use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use std::io::Write;
use std::net::SocketAddr;

/// A relay that can be scraped at the last result.
fn start() -> (Setup, Front, Relay, SocketAddr) {
    let (setup, front, relay) = Setup::with_relay(&[("METRICS_LISTEN", "127.0.0.1:0")]);
    let line: serde_json::Value = serde_json::from_str(&relay.0.wait_for_log("metrics_listening")).unwrap();
    let address = line["fields"]["address"].as_str().unwrap().parse().unwrap();
    (setup, front, relay, address)
}

/// The value of a series: its name and its labels.
fn value(metrics: SocketAddr, series: &str) -> f64 {
    let text = http::get(metrics, "/metrics").unwrap().body;
    let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
    found.unwrap_or_else(|| panic!("{series} is not in\n{text}"))
}

#[test]
fn requests_are_counted_by_upstream() {
    let (setup, front, relay, metrics) = start();
    relay.sign(&setup.key, &attestation(1)).signature();
    let value = |metric: &str| value(metrics, &format!("{metric}{{upstream=\"{}\"}}", front.url()));
    assert_eq!(value("relay_upstream_wins_total").to_string(), "1");
    assert!(value("relay_upstream_requests_total") >= 1.0 && value("relay_upstream_round_trip_seconds") > 0.0);
    let text = http::get(metrics, "/metrics").unwrap().body;
    assert!(text.contains("service_name=\"azurehsm-signer-relay\""), "{text}");
}

#[test]
fn a_request_is_finished_although_its_client_has_hung_up() {
    let (setup, front, relay, metrics) = start();
    relay.get(&format!("/keys/{}", setup.key));
    front.next([Effect::Held]);
    let mut client = http::connect(relay.address()).unwrap();
    client.write_all(signing_request(&setup.key, &attestation(1)).as_bytes()).unwrap();
    eventually("the request arrives", || (front.signing_requests() == 1).then_some(()));
    drop(client);
    // Meanwhile, a relay that cared would notice.
    relay.sign(&setup.key, &payload(Kind::Preattestation, 1, 0, 1)).signature();
    front.release();
    let wins = format!("relay_upstream_wins_total{{upstream=\"{}\"}}", front.url());
    eventually("both signatures", || (value(metrics, &wins).to_string() == "2").then_some(()));
}
