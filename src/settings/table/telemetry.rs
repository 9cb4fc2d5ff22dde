//! Settings of the log, of the metrics and of traces, for signer and relay.

use super::text;
use crate::settings::setting::{Choice, FilePath, Group, InAzure, List, Milliseconds, Setting, Text};

settings! {
    LOG_FORMAT: Choice = Setting::new(
        Group::Log,
        Choice { values: &["auto", "text", "json"], default: Some("auto") },
        InAzure::Deployment,
        "`auto` means text on a terminal, and JSON otherwise.",
    );
    RUST_LOG: Text = Setting::new(
        Group::Log,
        Text {
            form: "off, error, warn, info, debug or trace, with exceptions such as info,azure_core=debug",
            default: Some("info"),
        },
        InAzure::Chosen,
        "Log level, overall and for individual crates or modules. At levels below `debug`, libraries are logged only if named: \
         `typespec_client_core=info` logs each failed call of the Azure SDK.",
    );

    METRICS_LISTEN: Text = Setting::new(
        Group::Metrics,
        // The port of OpenTelemetry's Prometheus exporters.
        text("address:port, such as 127.0.0.1:9464"),
        InAzure::Unset("nothing can reach it there; metrics are pushed"),
        "Address and port that serve `GET /metrics` to Prometheus, and nothing else. If not set, nothing is served.",
    );
    OTEL_EXPORTER_OTLP_ENDPOINT: Text = Setting::new(
        Group::Metrics,
        text("http:// or https:// and the address of a collector"),
        InAzure::Chosen,
        "OpenTelemetry collector to which metrics are pushed; `/v1/metrics` is added to the path. If not set, nothing is pushed.",
    ).secret();
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: Text = Setting::new(
        Group::Metrics,
        text("http:// or https:// and an address with its path"),
        InAzure::Chosen,
        "The same with its full path. Overrides `OTEL_EXPORTER_OTLP_ENDPOINT`.",
    ).secret();
    OTEL_EXPORTER_OTLP_HEADERS: Text = Setting::new(
        Group::Metrics,
        text("name=value, with values percent-encoded, separated by commas"),
        InAzure::Chosen,
        "Headers of each push, such as credentials. In Azure, a [Key Vault reference](monitoring.md#credentials).",
    ).secret();
    OTEL_EXPORTER_OTLP_HEADERS_FILE: FilePath = Setting::new(
        Group::Metrics,
        FilePath { of: "a file", default: None },
        InAzure::Unset("an instance there has no file with secrets"),
        "File with the headers instead. It is read before each push.",
    );
    OTEL_EXPORTER_OTLP_TIMEOUT: Milliseconds = Setting::new(
        Group::Metrics,
        Milliseconds { default: 10_000, range: 100..=60_000 },
        InAzure::Chosen,
        "Time limit of a push, with its retries.",
    );
    OTEL_EXPORTER_OTLP_PROTOCOL: Choice = Setting::new(
        Group::Metrics,
        Choice { values: &["http/protobuf"], default: Some("http/protobuf") },
        InAzure::Unset("only one protocol is supported"),
        "Protocol of the push.",
    );
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: Choice = Setting::new(
        Group::Metrics,
        Choice { values: &["cumulative", "delta"], default: Some("cumulative") },
        InAzure::Chosen,
        "Whether counters are pushed as totals since the start, or as differences from the last push.",
    );
    OTEL_METRIC_EXPORT_INTERVAL: Milliseconds = Setting::new(
        Group::Metrics,
        // OpenTelemetry's default.
        Milliseconds { default: 60_000, range: 1_000..=3_600_000 },
        InAzure::Chosen,
        "Time between two pushes.",
    );
    OTEL_SERVICE_NAME: Text = Setting::new(
        Group::Metrics,
        text("a name"),
        InAzure::Chosen,
        "`service.name` of metrics and traces. If not set, `azurehsm-signer`, or `azurehsm-signer-relay` for the relay.",
    );
    OTEL_RESOURCE_ATTRIBUTES: List = Setting::new(
        Group::Metrics,
        List { of: "name=value" },
        InAzure::Chosen,
        "Further attributes of the process that metrics and traces come from, such as `deployment.environment.name=mainnet`.",
    );

    OTEL_TRACES_EXPORTER: Choice = Setting::new(
        Group::Traces,
        Choice { values: &["none", "otlp"], default: Some("none") },
        InAzure::Chosen,
        "`otlp` pushes a span of each request to the collector in `OTEL_EXPORTER_OTLP_ENDPOINT`, with the headers and the time limit \
         of the [metrics](#metrics).",
    );
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: Text = Setting::new(
        Group::Traces,
        text("http:// or https:// and an address with its path"),
        InAzure::Chosen,
        "Full address for traces. If not set, `/v1/traces` below `OTEL_EXPORTER_OTLP_ENDPOINT`, or below `http://localhost:4318`.",
    ).secret();
    OTEL_TRACES_SAMPLER: Choice = Setting::new(
        Group::Traces,
        Choice {
            values: &[
                "always_on",
                "always_off",
                "traceidratio",
                "parentbased_always_on",
                "parentbased_always_off",
                "parentbased_traceidratio",
            ],
            default: Some("parentbased_always_on"),
        },
        InAzure::Chosen,
        "Which requests are recorded. `parentbased_` leaves the decision to the client if it sends `traceparent`.",
    );
    OTEL_TRACES_SAMPLER_ARG: Text = Setting::new(
        Group::Traces,
        Text { form: "a number from 0 to 1", default: Some("1") },
        InAzure::Chosen,
        "Share of the requests that `traceidratio` and `parentbased_traceidratio` record.",
    );
    OTEL_BSP_SCHEDULE_DELAY: Milliseconds = Setting::new(
        Group::Traces,
        // OpenTelemetry's default.
        Milliseconds { default: 5_000, range: 100..=60_000 },
        InAzure::Chosen,
        "Time between two pushes of traces.",
    );
}
