//! Metrics, recorded with OpenTelemetry: pushed to a collector (OTLP), served to Prometheus, or both.
//!
//! | module | purpose |
//! | --- | --- |
//! | `instruments` | defines each instrument once |
//! | `labels` | the values of labels: closed sets, and a bounded set of keys |
//! | `recorder` | typed functions that record a request |
//! | `stages` | how long each stage of a request took |
//! | `observed`, `upstreams` | values that are read when metrics are collected |
//! | `pipeline` | where metrics go |
//! | `push` | sends them by OTLP, and logs outages |
//!
//! Recording never waits: it updates counters in memory. Collecting and sending happen on a thread of the exporter, so a collector
//! that is slow, wrong or down delays and fails no request.

mod instruments;
mod labels;
mod observed;
mod participation;
mod pipeline;
mod push;
mod recorder;
mod stages;
mod upstreams;

pub use instruments::{ALL, Definition, Instrument};
pub use labels::{KeyState, Outcome, RepeatSource, RequestKind, Service, Stage};
pub use observed::{HeadSeen, MarkSeen, SignatureSeen, SignerState};
pub use pipeline::{MetricsPipeline, MetricsSettings, PushSettings, Temporality, UnknownTemporality};
pub use recorder::{FinishedRequest, Metrics};
pub use stages::StageTimes;
pub use upstreams::{UpstreamSeen, UpstreamStates};

pub use crate::net::CallCounts;
