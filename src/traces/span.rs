//! The span of a request, and the spans of its stages.

use super::parent::TraceParent;
use crate::answer::Cause;
use crate::metrics::{FinishedRequest, Outcome, Stage, StageTimes};
use crate::tezos::PublicKeyHash;
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};
use std::time::{Duration, SystemTime};

/// Starts the spans of requests. A clone records to the same destination.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<SdkTracer>);

/// The span of a request, from its start to its answer. It is recorded at its end, or when it is dropped.
///
/// Its attributes are numbers, words of closed sets, keys and addresses of the configuration. No text of a client is among them.
#[derive(Debug)]
pub struct RequestSpan {
    tracer: SdkTracer,
    span: SdkSpan,
    start: SystemTime,
}

/// What is requested.
#[derive(Debug, Clone, Copy)]
pub struct SpanSubject {
    /// The key, if it is one that can sign. Clients choose the keys of requests.
    pub key: Option<PublicKeyHash>,
    /// What is to be signed, in the words of the log.
    pub kind: &'static str,
    /// The level of a block or a vote.
    pub level: Option<u32>,
    /// Its round.
    pub round: Option<u32>,
}

impl Tracer {
    /// Records nothing.
    pub const fn off() -> Self {
        Self(None)
    }

    pub(super) const fn new(tracer: SdkTracer) -> Self {
        Self(Some(tracer))
    }

    /// Starts the span of a request, in the trace of its client if it named one. `None` if traces are off.
    pub fn start(&self, name: &'static str, parent: Option<TraceParent>) -> Option<RequestSpan> {
        let tracer = self.0.as_ref()?;
        let start = SystemTime::now();
        let context = Context::new();
        let context = match parent {
            Some(parent) => context.with_remote_span_context(parent.context()),
            None => context,
        };
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_start_time(start);
        Some(RequestSpan { tracer: tracer.clone(), span: tracer.build_with_context(builder, &context), start })
    }
}

impl RequestSpan {
    /// Whether it is recorded, as the sampler decided.
    pub fn is_recorded(&self) -> bool {
        self.span.is_recording()
    }

    /// What calls to other programs carry, so that their spans become children of this one.
    pub fn as_parent(&self) -> TraceParent {
        self.span.span_context().into()
    }

    /// Adds what is requested.
    pub fn describe(&mut self, subject: &SpanSubject) {
        if !self.is_recorded() {
            return;
        }
        let SpanSubject { key, kind, level, round } = subject;
        if let Some(key) = key {
            self.span.set_attribute(KeyValue::new("signer.key", key.to_string()));
        }
        self.span.set_attribute(KeyValue::new("signer.kind", *kind));
        for (name, number) in [("signer.level", level), ("signer.round", round)] {
            if let Some(number) = number {
                self.span.set_attribute(KeyValue::new(name, i64::from(*number)));
            }
        }
    }

    /// Adds the upstream whose answer it is, by its address in the settings.
    pub fn answered_by(&mut self, upstream: String) {
        self.span.set_attribute(KeyValue::new("relay.upstream", upstream));
    }

    /// Adds the result. A failure is an error of the program; a refusal is not.
    pub fn result(&mut self, outcome: Outcome, cause: Option<&'static str>) {
        self.span.set_attribute(KeyValue::new("signer.result", outcome.name()));
        if let Some(cause) = cause {
            self.span.set_attribute(KeyValue::new("signer.reason", cause));
        }
        if outcome == Outcome::Failed {
            self.span.set_status(Status::error(cause.unwrap_or_default()));
        }
    }

    /// Records a request that has its verdict, with its stages.
    pub fn finish(mut self, request: &FinishedRequest, stages: &StageTimes) {
        if !self.is_recorded() {
            return;
        }
        let FinishedRequest { key, kind, outcome, cause, repeat, level, round, took } = request;
        self.describe(&SpanSubject { key: *key, kind: kind.name(), level: *level, round: *round });
        self.result(*outcome, cause.map(Cause::name));
        if let Some(source) = repeat {
            self.span.set_attribute(KeyValue::new("signer.repeat", source.name()));
        }
        let context = Context::new().with_remote_span_context(self.span.span_context().clone());
        for stage in Stage::ALL {
            let Some((began, ended)) = stages.interval(*stage) else { continue };
            let builder = SpanBuilder::from_name(stage.name()).with_start_time(self.at(began));
            self.tracer.build_with_context(builder, &context).end_with_timestamp(self.at(ended));
        }
        let end = self.at(*took);
        self.span.end_with_timestamp(end);
    }

    /// Times of the clock are computed from one reading, so that a clock that is set in between does not tear a span apart.
    fn at(&self, since_start: Duration) -> SystemTime {
        self.start + since_start
    }
}
