//! Where traces go: to a collector, or nowhere.

use super::push::LoggedExporter;
use super::{Sampling, Tracer};
use crate::otlp::{HeaderSource, OtlpClient, Outage, Program, PushError, SCOPE, ServiceSettings, push_last, shown};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanLimits};
use std::time::Duration;
use tracing::{info, warn};

/// Spans that wait for their push: about 300 requests. More are dropped.
const MAX_QUEUED_SPANS: usize = 2048;

/// Spans in one push. When so many wait, the push does not wait for the interval.
const MAX_PUSHED_SPANS: usize = 512;

/// How to push traces.
#[derive(Debug, Clone)]
pub struct TracesSettings {
    /// The address for traces, with its path.
    pub endpoint: String,
    /// Headers to add.
    pub headers: HeaderSource,
    /// Time limit of a push, with its retries.
    pub timeout: Duration,
    /// Time between two pushes.
    pub interval: Duration,
    /// Which requests are recorded.
    pub sampling: Sampling,
    /// What identifies this process.
    pub service: ServiceSettings,
}

/// The destination of the traces. Dropping it ends the push; [`end`](Self::end) sends the last spans first.
pub struct TracesPipeline(Option<SdkTracerProvider>);

impl TracesPipeline {
    /// Starts pushing, if there are settings. `instance` is the name of this process. Call it within the runtime.
    ///
    /// Traces that cannot be exported are logged, and are no error: signing does not depend on them.
    pub fn start(settings: Option<&TracesSettings>, program: Program, instance: &str) -> Self {
        let Some(settings) = settings else { return Self(None) };
        match processor(settings) {
            Ok(processor) => {
                info!(event = "traces_pushed", endpoint = %shown(&settings.endpoint), "pushing traces");
                let builder = SdkTracerProvider::builder()
                    .with_sampler(settings.sampling.sampler())
                    .with_span_limits(SpanLimits::default())
                    .with_resource(settings.service.resource(program, instance))
                    .with_span_processor(processor);
                Self(Some(builder.build()))
            }
            Err(error) => {
                warn!(event = "traces_push_failed", reason = %error, "traces cannot be pushed; signing is not affected");
                Self(None)
            }
        }
    }

    /// Records to the destination.
    pub fn tracer(&self) -> Tracer {
        self.0.as_ref().map_or_else(Tracer::off, |provider| Tracer::new(provider.tracer(SCOPE)))
    }

    /// Sends the last spans, at most for this long.
    pub async fn end(self, limit: Duration) {
        let Some(provider) = self.0 else { return };
        push_last("last traces", limit, move || drop(provider.shutdown_with_timeout(limit))).await;
    }
}

fn processor(settings: &TracesSettings) -> Result<BatchSpanProcessor, PushError> {
    let outage = Outage::default();
    let client = OtlpClient::new(settings.headers.clone(), settings.timeout, &outage)?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&settings.endpoint)
        .with_timeout(settings.timeout)
        .build()?;
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(MAX_QUEUED_SPANS)
        .with_max_export_batch_size(MAX_PUSHED_SPANS)
        .with_scheduled_delay(settings.interval)
        .build();
    Ok(BatchSpanProcessor::builder(LoggedExporter { exporter, outage }).with_batch_config(config).build())
}
