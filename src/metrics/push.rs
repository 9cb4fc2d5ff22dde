//! Pushes metrics to a collector, and logs when that fails and when it works again.

use crate::otlp::{Outage, OutageChange};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use std::time::Duration;
use tracing::{info, warn};

/// An OTLP exporter that logs one line when pushing begins to fail, and one when it works again.
pub(super) struct LoggedExporter {
    exporter: MetricExporter,
    outage: Outage,
}

impl LoggedExporter {
    pub(super) const fn new(exporter: MetricExporter, outage: Outage) -> Self {
        Self { exporter, outage }
    }
}

impl PushMetricExporter for LoggedExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        match self.outage.pushed(&result) {
            Some(OutageChange::Began(reason)) => {
                warn!(event = "metrics_push_failed", reason, "metrics are not received; signing is not affected");
            }
            Some(OutageChange::Ended) => info!(event = "metrics_push_recovered", "metrics are received again"),
            None => {}
        }
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
