//! What metrics add to a request: the times of its stages, and recording them with its verdict, for both destinations at once.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

use azurehsm_signer::metrics::{
    FinishedRequest, HeaderSource, Headers, MetricsPipeline, MetricsSettings, Outcome, Program, PushSettings,
    RequestKind, Stage, StageTimes, Temporality,
};
use azurehsm_signer::tezos::{Curve, SecretKey};
use std::hint::black_box;
use std::time::{Duration, Instant};

const REQUESTS: u32 = 200_000;
const ROUNDS: usize = 9;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let push = PushSettings {
        // Nothing listens there: the exporter is busy failing.
        endpoint: "http://127.0.0.1:9/v1/metrics".to_owned(),
        headers: HeaderSource::Given(Headers::default()),
        timeout: Duration::from_secs(1),
        interval: Duration::from_secs(1),
        temporality: Temporality::Cumulative,
    };
    let listen = Some(([127, 0, 0, 1], 0).into());
    let on = MetricsSettings { listen, push: Some(push), ..MetricsSettings::default() };
    println!("the cost of metrics, by request, with six stages\n{:<10} {:>8}", "metrics", "ns");
    for (name, settings) in [("off", MetricsSettings::default()), ("on", on)] {
        let pipeline = MetricsPipeline::start(&settings, Program::Signer, "bench");
        let metrics = pipeline.metrics();
        let request = FinishedRequest {
            key: Some(SecretKey::generate(Curve::P256).unwrap().public_key().hash()),
            kind: RequestKind::Attestation,
            outcome: Outcome::Signed,
            cause: None,
            repeat: None,
            round: Some(0),
            took: Duration::from_millis(35),
        };
        let mut took: Vec<_> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                for _ in 0..REQUESTS {
                    let stages = StageTimes::default();
                    for stage in Stage::ALL {
                        drop(stages.start(*stage));
                    }
                    metrics.finished(black_box(&request), &stages);
                }
                start.elapsed().as_nanos() / u128::from(REQUESTS)
            })
            .collect();
        took.sort_unstable();
        println!("{name:<10} {:>8}", took[ROUNDS / 2]);
    }
}
