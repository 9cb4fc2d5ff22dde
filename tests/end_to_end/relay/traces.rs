//! The trace of a client, as it reaches the signer. What spans contain is examined in checks/metrics.

use super::setup::{Setup, attestation};
use crate::support::http::{self, request};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Sends a request with these headers, and returns all `traceparent` headers that reached the signer.
fn passed_on(settings: &[(&str, &str)], headers: &[&[String]]) -> Vec<Option<String>> {
    let (setup, front, relay) = Setup::with_relay(settings);
    for (headers, level) in headers.iter().zip(1..) {
        let lines = ["host: localhost", "connection: close"].into_iter().chain(headers.iter().map(String::as_str));
        let body = format!("\"{}\"", hex::encode(attestation(level)));
        let request = request("POST", &format!("/keys/{}", setup.key), &lines.collect::<Vec<_>>(), &body);
        http::send(relay.address(), request.as_bytes()).unwrap().signature();
    }
    let signing = front.seen().into_iter().filter(|seen| seen.method == "POST");
    signing.map(|seen| seen.headers.get("traceparent").cloned()).collect()
}

fn header(value: &str) -> String {
    format!("traceparent: {value}")
}

#[test]
fn the_clients_trace_reaches_the_signer_unchanged_while_traces_are_off() {
    let (sampled, not_sampled) = (format!("00-{TRACE}-b7ad6b7169203331-01"), format!("00-{TRACE}-b7ad6b7169203331-00"));
    let malformed = format!("00-{TRACE}-b7ad6b7169203331-0");
    let passed = passed_on(
        &[],
        &[
            &[header(&sampled)],
            &[header(&not_sampled)],
            &[],
            &[header(&malformed)],
            &[header(&sampled), header(&not_sampled)],
        ],
    );
    assert_eq!(passed, [Some(sampled), Some(not_sampled), None, None, None]);
}

#[test]
fn the_relays_own_span_is_the_parent_of_the_signers_while_traces_are_on() {
    // Nothing listens there.
    let endpoint = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9/v1/traces");
    let of_client = format!("00-{TRACE}-b7ad6b7169203331-01");
    let passed = passed_on(&[("OTEL_TRACES_EXPORTER", "otlp"), endpoint], &[&[header(&of_client)], &[]]);
    let [Some(child), Some(root)] = passed.as_slice() else { panic!("{passed:?}") };
    assert!(child.starts_with(&format!("00-{TRACE}-")) && child.ends_with("-01"), "the same trace: {child}");
    assert!(*child != of_client && !root.contains(TRACE) && root.ends_with("-01"), "{child} {root}");
}
