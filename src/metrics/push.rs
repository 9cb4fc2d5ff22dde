//! Pushes metrics to a collector, and logs when that fails and when it works again.

use super::otlp_client::LastError;
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing::{info, warn};

/// An OTLP exporter that logs one line when pushing begins to fail, and one when it works again.
pub(super) struct LoggedExporter {
    exporter: MetricExporter,
    last_error: LastError,
    is_failing: AtomicBool,
}

impl LoggedExporter {
    pub(super) const fn new(exporter: MetricExporter, last_error: LastError) -> Self {
        Self { exporter, last_error, is_failing: AtomicBool::new(false) }
    }

    fn log(&self, result: &OTelSdkResult) {
        let cause = self.last_error.take();
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Err(error) if !was_failing => {
                let error = match error {
                    OTelSdkError::InternalFailure(reason) => reason.clone(),
                    other => other.to_string(),
                };
                let reason = cause.unwrap_or(error);
                warn!(event = "metrics_push_failed", reason, "metrics are not received; signing is not affected");
            }
            Ok(()) if was_failing => info!(event = "metrics_push_recovered", "metrics are received again"),
            _ => {}
        }
    }
}

impl PushMetricExporter for LoggedExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        self.log(&result);
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
