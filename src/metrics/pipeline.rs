//! Where metrics go: to a collector, to Prometheus, to both, or nowhere.

use super::Metrics;
use super::push::LoggedExporter;
use crate::otlp::{HeaderSource, OtlpClient, Outage, Program, PushError, SCOPE, ServiceSettings, push_last, shown};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality as SdkTemporality};
use prometheus::Registry;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;
use tracing::{info, warn};

/// Where metrics go, and what identifies this process in them.
#[derive(Debug, Clone, Default)]
pub struct MetricsSettings {
    /// `METRICS_LISTEN`: the address of `GET /metrics`; `None` if nothing is served.
    pub listen: Option<SocketAddr>,
    /// How to push; `None` if nothing is pushed.
    pub push: Option<PushSettings>,
    /// What identifies this process.
    pub service: ServiceSettings,
}

/// How to push metrics.
#[derive(Debug, Clone)]
pub struct PushSettings {
    /// The address for metrics, with its path.
    pub endpoint: String,
    /// Headers to add.
    pub headers: HeaderSource,
    /// Time limit of a push, with its retries.
    pub timeout: Duration,
    /// Time between two pushes.
    pub interval: Duration,
    /// Whether counters are sent as totals or as differences.
    pub temporality: Temporality,
}

/// Whether counters and histograms are sent as totals since the start, or as differences from the last push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Temporality {
    /// Totals.
    #[default]
    Cumulative,
    /// Differences.
    Delta,
}

impl FromStr for Temporality {
    type Err = UnknownTemporality;

    fn from_str(text: &str) -> Result<Self, UnknownTemporality> {
        match text {
            "cumulative" => Ok(Self::Cumulative),
            "delta" => Ok(Self::Delta),
            _ => Err(UnknownTemporality),
        }
    }
}

/// A text that is not a [`Temporality`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected cumulative or delta")]
pub struct UnknownTemporality;

/// The destinations of the metrics. Dropping it ends the push; [`end`](Self::end) sends the last values first.
pub struct MetricsPipeline {
    provider: Option<SdkMeterProvider>,
    registry: Option<Registry>,
    metrics: Metrics,
}

impl MetricsPipeline {
    /// Starts pushing, if the settings say so. `instance` is the name of this process. Call it within the runtime.
    ///
    /// Metrics that cannot be exported are logged, and are no error: signing does not depend on them.
    pub fn start(settings: &MetricsSettings, program: Program, instance: &str) -> Self {
        let mut builder = SdkMeterProvider::builder().with_resource(settings.service.resource(program, instance));
        let mut has_reader = false;
        if let Some(push) = &settings.push {
            match reader(push) {
                Ok(reader) => {
                    builder = builder.with_reader(reader);
                    has_reader = true;
                    info!(event = "metrics_pushed", endpoint = %shown(&push.endpoint), "pushing metrics");
                }
                Err(error) => {
                    warn!(event = "metrics_push_failed", reason = %error, "metrics cannot be pushed; signing is not affected");
                }
            }
        }
        let registry = settings.listen.map(|_| Registry::new());
        if let Some(registry) = &registry {
            let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone());
            match exporter.scope_info_enabled(false).build() {
                Ok(exporter) => {
                    builder = builder.with_reader(exporter);
                    has_reader = true;
                }
                Err(error) => {
                    warn!(event = "metrics_listen_failed", reason = %error, "metrics cannot be scraped; signing is not affected");
                }
            }
        }
        if !has_reader {
            return Self { provider: None, registry: None, metrics: Metrics::off() };
        }
        let provider = builder.build();
        let metrics = Metrics::new(&provider.meter(SCOPE));
        Self { provider: Some(provider), registry, metrics }
    }

    /// Records into the destinations.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// What `GET /metrics` serves; `None` if it is off.
    pub fn registry(&self) -> Option<Registry> {
        self.registry.clone()
    }

    /// Sends the last values, at most for this long.
    pub async fn end(self, limit: Duration) {
        let Some(provider) = self.provider else { return };
        // The exporter ignores time limits.
        push_last("last metrics", limit, move || drop(provider.shutdown())).await;
    }
}

fn reader(push: &PushSettings) -> Result<PeriodicReader<LoggedExporter>, PushError> {
    let outage = Outage::default();
    let client = OtlpClient::new(push.headers.clone(), push.timeout, &outage)?;
    let exporter = MetricExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&push.endpoint)
        .with_timeout(push.timeout)
        .with_temporality(match push.temporality {
            Temporality::Cumulative => SdkTemporality::Cumulative,
            Temporality::Delta => SdkTemporality::Delta,
        })
        .build()?;
    let exporter = LoggedExporter::new(exporter, outage);
    Ok(PeriodicReader::builder(exporter).with_interval(push.interval).build())
}
