//! Typed functions that record a request.

use super::instruments::{self, BOUNDARIES, Definition};
use super::labels::KeyLabels;
use super::{Outcome, RepeatSource, RequestKind, Stage, StageTimes};
use crate::answer::Cause;
use crate::tezos::PublicKeyHash;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, StringValue};
use std::sync::Arc;
use std::time::Duration;

/// Records requests. A clone records into the same instruments.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Option<Arc<Recorder>>);

#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) meter: Meter,
    pub(super) keys: Arc<KeyLabels>,
    requests: Counter<u64>,
    request_duration: Histogram<f64>,
    stage_duration: Histogram<f64>,
    rounds_above_zero: Counter<u64>,
    repeats: Counter<u64>,
    foreign_signatures: Counter<u64>,
    denunciations: Counter<u64>,
}

/// A request to sign, with its verdict.
#[derive(Debug, Clone, Copy)]
pub struct FinishedRequest {
    /// The key, if the vault has it. Clients choose the keys of requests, so others must not get a label.
    pub key: Option<PublicKeyHash>,
    /// What was requested.
    pub kind: RequestKind,
    /// The verdict.
    pub outcome: Outcome,
    /// The cause of a refusal or failure.
    pub cause: Option<Cause>,
    /// Where the answer came from, if it repeats an earlier one.
    pub repeat: Option<RepeatSource>,
    /// The level of a block or a vote.
    pub level: Option<u32>,
    /// The round of a block or a vote.
    pub round: Option<u32>,
    /// How long it took.
    pub took: Duration,
}

impl Metrics {
    /// Records nothing.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Records into instruments of this meter.
    pub fn new(meter: &Meter) -> Self {
        let counter = |definition: &Definition| {
            let builder = meter.u64_counter(definition.name);
            builder.with_unit(definition.unit).with_description(definition.description).build()
        };
        let histogram = |definition: &Definition| {
            let builder = meter.f64_histogram(definition.name).with_boundaries(BOUNDARIES.to_vec());
            builder.with_unit(definition.unit).with_description(definition.description).build()
        };
        Self(Some(Arc::new(Recorder {
            meter: meter.clone(),
            keys: Arc::default(),
            requests: counter(&instruments::REQUESTS),
            request_duration: histogram(&instruments::REQUEST_DURATION),
            stage_duration: histogram(&instruments::STAGE_DURATION),
            rounds_above_zero: counter(&instruments::ROUNDS_ABOVE_ZERO),
            repeats: counter(&instruments::REPEATS),
            foreign_signatures: counter(&instruments::FOREIGN_SIGNATURES),
            denunciations: counter(&instruments::DENUNCIATIONS),
        })))
    }

    /// What is recorded into; `None` if nothing is.
    pub(super) const fn recorder(&self) -> Option<&Arc<Recorder>> {
        self.0.as_ref()
    }

    /// Records that the chain has a signature of a key of the vault that was not made here.
    pub fn foreign_signature(&self, key: &PublicKeyHash) {
        if let Some(recorder) = &self.0 {
            recorder.foreign_signatures.add(1, &[KeyValue::new("key", recorder.keys.of(Some(key)))]);
        }
    }

    /// Records that the delegate was denounced for which a key of the vault signs.
    pub fn denunciation(&self, key: &PublicKeyHash) {
        if let Some(recorder) = &self.0 {
            recorder.denunciations.add(1, &[KeyValue::new("key", recorder.keys.of(Some(key)))]);
        }
    }

    /// Records a request that has its verdict.
    pub fn finished(&self, request: &FinishedRequest, stages: &StageTimes) {
        let Some(recorder) = &self.0 else { return };
        let (kind, result) =
            (KeyValue::new("kind", request.kind.name()), KeyValue::new("result", request.outcome.name()));
        let key = KeyValue::new("key", recorder.keys.of(request.key.as_ref()));
        recorder.request_duration.record(request.took.as_secs_f64(), &[kind.clone(), result.clone()]);
        for stage in Stage::ALL {
            if let Some(spent) = stages.of(*stage) {
                recorder.stage_duration.record(spent.as_secs_f64(), &[KeyValue::new("stage", stage.name())]);
            }
        }
        if matches!(request.outcome, Outcome::Signed | Outcome::Replayed) {
            if request.round.is_some_and(|round| round > 0) {
                recorder.rounds_above_zero.add(1, &[key.clone(), kind.clone()]);
            }
            if let Some(source) = request.repeat {
                recorder.repeats.add(1, &[KeyValue::new("source", source.name())]);
            }
        }
        match request.cause {
            None => recorder.requests.add(1, &[key, kind, result]),
            Some(cause) => {
                let reason = KeyValue::new("reason", StringValue::from(cause.name()));
                recorder.requests.add(1, &[key, kind, reason, result]);
            }
        }
    }
}
