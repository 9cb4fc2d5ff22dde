//! What metrics and traces add to a request: the times of its stages, and recording them with its verdict, for all destinations at
//! once.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

use azurehsm_signer::metrics::{
    FinishedRequest, MetricsPipeline, MetricsSettings, Outcome, PushSettings, RequestKind, Stage, StageTimes,
    Temporality,
};
use azurehsm_signer::otlp::{HeaderSource, Headers, Program, ServiceSettings};
use azurehsm_signer::tezos::{Curve, SecretKey};
use azurehsm_signer::traces::{RequestSpan, Sampler, Sampling, TracesPipeline, TracesSettings};
use std::hint::black_box;
use std::time::{Duration, Instant};

const REQUESTS: u32 = 200_000;
const ROUNDS: usize = 9;

/// Nothing listens there: the exporters are busy failing.
const ENDPOINT: &str = "http://127.0.0.1:9";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let headers = HeaderSource::Given(Headers::default());
    let push = PushSettings {
        endpoint: format!("{ENDPOINT}/v1/metrics"),
        headers: headers.clone(),
        timeout: Duration::from_secs(1),
        interval: Duration::from_secs(1),
        temporality: Temporality::Cumulative,
    };
    let listen = Some(([127, 0, 0, 1], 0).into());
    let metrics = MetricsSettings { listen, push: Some(push), ..MetricsSettings::default() };
    let traces = |sampler| TracesSettings {
        endpoint: format!("{ENDPOINT}/v1/traces"),
        headers: headers.clone(),
        timeout: Duration::from_secs(1),
        interval: Duration::from_secs(1),
        sampling: Sampling { sampler, ..Sampling::default() },
        service: ServiceSettings::default(),
    };
    println!(
        "the cost of metrics and traces, by request, with six stages\n{:<8} {:<12} {:>8}",
        "metrics", "traces", "ns"
    );
    for (metrics, traces) in [
        (None, None),
        (Some(&metrics), None),
        (None, Some(("not sampled", traces(Sampler::AlwaysOff)))),
        (None, Some(("sampled", traces(Sampler::AlwaysOn)))),
        (Some(&metrics), Some(("sampled", traces(Sampler::AlwaysOn)))),
    ] {
        let names = (metrics.map_or("off", |_| "on"), traces.as_ref().map_or("off", |(name, _)| name));
        let off = MetricsSettings::default();
        let metrics = MetricsPipeline::start(metrics.unwrap_or(&off), Program::Signer, "bench");
        let traces = TracesPipeline::start(traces.as_ref().map(|(_, settings)| settings), Program::Signer, "bench");
        println!("{:<8} {:<12} {:>8}", names.0, names.1, nanoseconds_of_request(&metrics, &traces));
    }
}

/// The median over some rounds.
fn nanoseconds_of_request(metrics: &MetricsPipeline, traces: &TracesPipeline) -> u128 {
    let (metrics, tracer) = (metrics.metrics(), traces.tracer());
    let request = FinishedRequest {
        key: Some(SecretKey::generate(Curve::P256).unwrap().public_key().hash()),
        kind: RequestKind::Attestation,
        outcome: Outcome::Signed,
        cause: None,
        repeat: None,
        level: Some(1_000_000),
        round: Some(0),
        took: Duration::from_millis(35),
    };
    let mut took: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..REQUESTS {
                let span = tracer.start("sign", None);
                let is_recorded = span.as_ref().is_some_and(RequestSpan::is_recorded);
                let stages =
                    if is_recorded { StageTimes::with_intervals(Instant::now()) } else { StageTimes::default() };
                for stage in Stage::ALL {
                    drop(stages.start(*stage));
                }
                metrics.finished(black_box(&request), &stages);
                if let Some(span) = span {
                    span.finish(black_box(&request), &stages);
                }
            }
            start.elapsed().as_nanos() / u128::from(REQUESTS)
        })
        .collect();
    took.sort_unstable();
    took[ROUNDS / 2]
}
