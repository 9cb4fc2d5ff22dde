//! Traces, recorded with OpenTelemetry and pushed to a collector by OTLP: a span for each request to sign, with a child for each stage.
//!
//! | module | purpose |
//! | --- | --- |
//! | `parent` | the header `traceparent`, of the W3C's Trace Context |
//! | `span` | the span of a request |
//! | `sampling` | which requests are recorded |
//! | `pipeline`, `push` | where traces go |
//!
//! Off by default, and then nothing is recorded. A span is recorded when its request has its answer or verdict, into a bounded queue
//! from which a thread of the exporter takes it: a collector that is slow, wrong or down delays and fails no request. Spans that the
//! queue has no room for are dropped.

mod parent;
mod pipeline;
mod push;
mod sampling;
mod span;

pub use parent::TraceParent;
pub use pipeline::{TracesPipeline, TracesSettings};
pub use sampling::{InvalidRatio, Ratio, Sampler, Sampling, UnknownSampler};
pub use span::{RequestSpan, SpanSubject, Tracer};
