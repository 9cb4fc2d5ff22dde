//! Pushes spans to a collector, and logs when that fails and when it works again.

use crate::otlp::{Outage, OutageChange};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use std::time::Duration;
use tracing::{info, warn};

/// An OTLP exporter that logs one line when pushing begins to fail, and one when it works again.
#[derive(Debug)]
pub(super) struct LoggedExporter {
    pub(super) exporter: opentelemetry_otlp::SpanExporter,
    pub(super) outage: Outage,
}

impl SpanExporter for LoggedExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        match self.outage.pushed(&result) {
            Some(OutageChange::Began(reason)) => {
                warn!(event = "traces_push_failed", reason, "traces are not received; signing is not affected");
            }
            Some(OutageChange::Ended) => info!(event = "traces_push_recovered", "traces are received again"),
            None => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
