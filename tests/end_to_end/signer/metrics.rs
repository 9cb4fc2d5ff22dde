//! Metrics and traces of the shipped binary: what is scraped and pushed, and that no collector delays a signature.

use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::marks::MemoryMarks;
use crate::support::node::Node;
use crate::support::payloads::{MAINNET, payload, transfer};
use crate::support::process;
use crate::support::vault::MemoryVault;
use azurehsm_signer::marks::Ledger;
use azurehsm_signer::metrics::{MetricsPipeline, MetricsSettings};
use azurehsm_signer::otlp::Program;
use azurehsm_signer::signer::{AuthorizedKeys, HeadRule, KeyRing, Policy, SignRequest, Signer, WhenHeadUnknown};
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{Curve, SecretKey};
use prometheus::TextEncoder;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

const LISTEN: (&str, &str) = ("METRICS_LISTEN", "127.0.0.1:0");

/// Starts a signer that can be scraped at the second result.
fn start(data: &std::path::Path, settings: &[(&str, &str)]) -> (process::Signer, SocketAddr) {
    let signer = process::Signer::start(data, &[&[LISTEN], settings].concat());
    let line: serde_json::Value = serde_json::from_str(&signer.wait_for_log("metrics_listening")).unwrap();
    let address = line["fields"]["address"].as_str().unwrap().parse().unwrap();
    (signer, address)
}

fn scrape(address: SocketAddr) -> String {
    let answer = http::get(address, "/metrics").unwrap();
    assert_eq!(answer.status, 200);
    answer.body
}

/// The names and labels of all series.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn requests_are_counted_by_their_outcome() {
    let (data, node) = (tempfile::tempdir().unwrap(), Node::start(Some((MAINNET, 100))));
    let (signer, metrics) = start(data.path(), &[("NODE_URLS", &node.url())]);
    let key = signer.only_key();
    let unknown = SecretKey::generate(Curve::P256).unwrap().public_key().hash().to_string();
    let vote = payload(Kind::Attestation, 98, 1, 0);
    for (key, payload, status) in [
        (&key, vote.clone(), 200),
        (&key, vote, 200),
        (&key, payload(Kind::Attestation, 98, 1, 1), 409),
        (&key, payload(Kind::Block, 99, 0, 0), 200),
        (&key, payload(Kind::Block, 99, 0, 0), 200),
        (&key, payload(Kind::Block, 500, 0, 0), 409),
        (&key, transfer(1, 1), 403),
        (&key, vec![0x99], 403),
        (&unknown, payload(Kind::Block, 99, 0, 0), 404),
    ] {
        assert_eq!(http::sign(signer.address, key, &payload).unwrap().status, status);
    }
    let text = scrape(metrics);
    for (labels, expected) in [
        (format!("{{key=\"{key}\",kind=\"attestation\",result=\"signed\"}}"), 1.0),
        (format!("{{key=\"{key}\",kind=\"attestation\",result=\"replayed\"}}"), 1.0),
        (format!("{{key=\"{key}\",kind=\"attestation\",reason=\"different_data\",result=\"refused\"}}"), 1.0),
        (format!("{{key=\"{key}\",kind=\"block\",result=\"signed\"}}"), 1.0),
        (format!("{{key=\"{key}\",kind=\"block\",result=\"replayed\"}}"), 1.0),
        (format!("{{key=\"{key}\",kind=\"block\",reason=\"head\",result=\"refused\"}}"), 1.0),
        (format!("{{key=\"{key}\",kind=\"operation\",reason=\"policy\",result=\"refused\"}}"), 1.0),
        (format!("{{key=\"{key}\",kind=\"unknown\",reason=\"payload\",result=\"refused\"}}"), 1.0),
        ("{key=\"other\",kind=\"unknown\",reason=\"unknown_key\",result=\"refused\"}".to_owned(), 1.0),
    ] {
        assert_eq!(value(&text, &format!("signer_requests_total{labels}")), Some(expected), "{labels} in\n{text}");
    }
    for (series, expected) in [
        ("signer_repeats_total{source=\"memory\"}".to_owned(), 1.0),
        ("signer_repeats_total{source=\"store\"}".to_owned(), 1.0),
        (format!("signer_rounds_above_zero_total{{key=\"{key}\",kind=\"attestation\"}}"), 2.0),
        (format!("signer_mark_level{{key=\"{key}\",kind=\"block\"}}"), 99.0),
        (format!("signer_signature_level{{key=\"{key}\",kind=\"attestation\"}}"), 98.0),
        (format!("signer_mark_behind_head{{key=\"{key}\",kind=\"attestation\"}}"), 2.0),
        ("signer_head_level".to_owned(), 100.0),
        ("signer_keys{state=\"usable\"}".to_owned(), 1.0),
        ("signer_keys{state=\"unusable\"}".to_owned(), 0.0),
        ("signer_request_duration_seconds_count{kind=\"block\",result=\"signed\"}".to_owned(), 1.0),
        ("signer_stage_duration_seconds_count{stage=\"vault\"}".to_owned(), 2.0),
        ("signer_stage_duration_seconds_count{stage=\"decode\"}".to_owned(), 8.0),
    ] {
        assert_eq!(value(&text, &series), Some(expected), "{series} in\n{text}");
    }
    let age = value(&text, &format!("signer_signature_age_seconds{{key=\"{key}\",kind=\"attestation\"}}")).unwrap();
    assert!(age >= 0.0 && value(&text, "signer_head_age_seconds").unwrap() >= 0.0);
    assert!(text.contains("service_instance_id=\"") && text.contains("service_name=\"azurehsm-signer\""), "{text}");
    assert_eq!(http::get(signer.address, "/metrics").unwrap().status, 404, "clients do not get it");
    assert_eq!(http::get(metrics, "/keys").unwrap().status, 404, "and those who scrape get nothing else");
}

/// Everything that a client chooses: the key, the chain, the version, the bytes.
#[tokio::test]
async fn hostile_requests_add_a_bounded_number_of_series() {
    let settings = MetricsSettings { listen: Some(([127, 0, 0, 1], 0).into()), ..MetricsSettings::default() };
    let pipeline = MetricsPipeline::start(&settings, Program::Signer, "test");
    let (vault, registry) = (Arc::new(MemoryVault::new(Curve::P256)), pipeline.registry().unwrap());
    let (key, store) = (vault.key.hash, Arc::new(MemoryMarks::default()));
    let signer = Signer::new(
        KeyRing::new(vault, Duration::ZERO),
        Ledger::new(store, "test"),
        Policy::default(),
        HeadRule { watch: None, when_unknown: WhenHeadUnknown::Fail, jump_limit: 100_000 },
        AuthorizedKeys::default(),
    );
    let signer = Arc::new(signer.with_metrics(pipeline.metrics()));
    pipeline.metrics().observe_signer(&signer);
    let send = async |key, version: u64, payload| {
        let (authentication, invocation, parent) = (None, None, None);
        let (deadline, version) = (Instant::now() + Duration::from_mins(1), version.to_string().parse().unwrap());
        drop(signer.sign(&SignRequest { key, payload, version, authentication, deadline, invocation, parent }).await);
    };
    let mut seen = Vec::new();
    for round in 1..=2 {
        for number in 0..1500_u16 {
            let unknown = SecretKey::generate(Curve::P256).unwrap().public_key().hash();
            let mut vote = payload(Kind::Attestation, round, 0, 0);
            vote[1..3].copy_from_slice(&number.to_be_bytes());
            send(unknown, 3, vote.clone()).await;
            send(key, u64::from(number) * u64::from(round), vote).await;
            send(key, 3, number.to_be_bytes().to_vec()).await;
        }
        seen.push(series(&TextEncoder::new().encode_to_string(&registry.gather()).unwrap()));
    }
    let new: Vec<_> = seen[1].difference(&seen[0]).collect();
    assert!(new.is_empty(), "these are new: {new:?}");
    let of_requests = seen[1].iter().filter(|series| series.starts_with("signer_requests_total")).count();
    assert!((4..20).contains(&of_requests), "{of_requests}: {:?}", seen[1]);
}

/// What a collector does with a push.
const ACCEPT: u8 = 0;
const FAIL: u8 = 1;
const HANG: u8 = 2;

/// A collector that accepts, fails or hangs. The signer's metrics are examined by an independent one in checks/metrics.
struct Collector {
    address: SocketAddr,
    mood: Arc<AtomicU8>,
    received: Arc<AtomicUsize>,
}

impl Collector {
    fn start(mood: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mood = Arc::new(AtomicU8::new(mood));
        let current = Arc::clone(&mood);
        let received = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&received);
        std::thread::spawn(move || {
            let mut hanging = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                        break;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                }
                drop(reader.read_exact(&mut vec![0; length]));
                count.fetch_add(1, Ordering::Relaxed);
                let status = match current.load(Ordering::Relaxed) {
                    ACCEPT => "200 OK",
                    FAIL => "500 Internal Server Error",
                    _ => {
                        hanging.push(stream);
                        continue;
                    }
                };
                let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self { address, mood, received }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Settings that push metrics and traces as often as possible.
fn pushing<'a>(endpoint: &'a str, timeout_ms: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", timeout_ms),
    ]
}

#[test]
fn a_collector_that_cannot_be_used_is_logged_once_and_fails_no_signature() {
    let (failing, hanging) = (Collector::start(FAIL), Collector::start(HANG));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let without_tls = format!("https://{}", failing.address);
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)");
    let missing = ("OTEL_EXPORTER_OTLP_HEADERS_FILE", "/nowhere/headers");
    for (endpoint, more, reason) in [
        (format!("http://{closed}"), None, "onnection refused"),
        (failing.url(), None, "500"),
        (hanging.url(), None, "timed out"),
        (without_tls, None, "corrupt message"),
        (failing.url(), Some(headers), "a Key Vault reference that the platform has not resolved"),
        (failing.url(), Some(missing), "/nowhere/headers: No such file"),
    ] {
        let data = tempfile::tempdir().unwrap();
        let settings = [pushing(&endpoint, "1000"), more.into_iter().collect()].concat();
        let signer = process::Signer::start(data.path(), &settings);
        let line = signer.wait_for_log("metrics_push_failed");
        assert!(line.contains(reason) && line.contains("signing is not affected"), "{reason:?}: {line}");
        for level in 1..=2 {
            let vote = payload(Kind::Attestation, level, 0, 0);
            assert_eq!(http::sign(signer.address, &signer.only_key(), &vote).unwrap().status, 200);
            if level == 1 {
                let line = signer.wait_for_log("traces_push_failed");
                assert!(line.contains(reason) && line.contains("signing is not affected"), "{reason:?}: {line}");
            }
        }
        signer.signal_termination();
        // The last pushes have failed as well.
        let rest = signer.rest_of_log().join("\n");
        assert!(!rest.contains("_push_failed"), "{endpoint}: {rest}");
        assert!(signer.exit_status().success());
    }
}

#[test]
fn signatures_do_not_wait_for_a_push() {
    let (collector, data) = (Collector::start(HANG), tempfile::tempdir().unwrap());
    let signer = process::Signer::start(data.path(), &pushing(&collector.url(), "60000"));
    let key = signer.only_key();
    let received = || collector.received.load(Ordering::Relaxed);
    eventually("a push of metrics", || (received() > 0).then_some(()));
    // With their stages, more spans than are kept.
    for level in 1..500 {
        let answer = http::sign(signer.address, &key, &payload(Kind::Attestation, level, 0, 0)).unwrap();
        assert_eq!(answer.status, 200);
    }
    assert_eq!(received(), 2, "the first push of each kind is still unanswered");
    assert!(signer.terminate().success(), "nor does the end of the program");
}

#[test]
fn recovery_is_logged() {
    let (collector, data) = (Collector::start(FAIL), tempfile::tempdir().unwrap());
    let signer = process::Signer::start(data.path(), &pushing(&collector.url(), "1000"));
    let (key, mut level) = (signer.only_key(), 0);
    let mut sign = || {
        level += 1;
        let answer = http::sign(signer.address, &key, &payload(Kind::Attestation, level, 0, 0)).unwrap();
        assert_eq!(answer.status, 200);
    };
    for _ in 0..2 {
        for (mood, change) in [(FAIL, "failed"), (ACCEPT, "recovered")] {
            collector.mood.store(mood, Ordering::Relaxed);
            sign();
            signer.wait_for_log(&format!("traces_push_{change}"));
        }
    }
    for _ in 0..2 {
        for (mood, change) in [(FAIL, "failed"), (ACCEPT, "recovered")] {
            collector.mood.store(mood, Ordering::Relaxed);
            signer.wait_for_log(&format!("metrics_push_{change}"));
        }
    }
}

#[test]
fn an_address_that_is_in_use_is_tried_again() {
    let (other, data) = (TcpListener::bind("127.0.0.1:0").unwrap(), tempfile::tempdir().unwrap());
    let address = other.local_addr().unwrap();
    let signer = process::Signer::start(data.path(), &[("METRICS_LISTEN", &address.to_string())]);
    signer.wait_for_log("metrics_listen_failed");
    let key = signer.only_key();
    assert_eq!(http::sign(signer.address, &key, &payload(Kind::Block, 1, 0, 0)).unwrap().status, 200);
    drop(other);
    signer.wait_for_log("metrics_listening");
    eventually("metrics", || http::get(address, "/metrics").ok().filter(|answer| answer.status == 200));
}
