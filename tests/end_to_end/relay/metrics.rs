//! The relay's metrics, by upstream.

use super::setup::Setup;
use crate::support::http;
use crate::support::payloads::attestation;

#[test]
fn requests_are_counted_by_upstream() {
    let (setup, front, relay) = Setup::with_relay(&[("METRICS_LISTEN", "127.0.0.1:0")]);
    let line: serde_json::Value = serde_json::from_str(&relay.0.wait_for_log("metrics_listening")).unwrap();
    let address = line["fields"]["address"].as_str().unwrap().parse().unwrap();
    relay.sign(&setup.key, &attestation(1, 0, 1).bytes()).signature();
    let text = http::get(address, "/metrics").unwrap().body;
    let value = |metric: &str| {
        let prefix = format!("{metric}{{upstream=\"{}\"}} ", front.url());
        let found = text.lines().find_map(|line| line.strip_prefix(&prefix)?.parse::<f64>().ok());
        found.unwrap_or_else(|| panic!("{prefix} is not in\n{text}"))
    };
    assert_eq!(value("relay_upstream_wins_total").to_string(), "1");
    assert!(value("relay_upstream_requests_total") >= 1.0 && value("relay_upstream_round_trip_seconds") > 0.0);
    assert!(text.contains("service_name=\"azurehsm-signer-relay\""), "{text}");
}
