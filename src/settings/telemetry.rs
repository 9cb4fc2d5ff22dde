//! The settings of metrics and traces, of signer and relay: those of OpenTelemetry, and `METRICS_LISTEN`.

use super::SettingsError;
use super::reader::Reader;
use super::setting::{Setting, Text};
use super::table::{
    METRICS_LISTEN, OTEL_BSP_SCHEDULE_DELAY, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS,
    OTEL_EXPORTER_OTLP_HEADERS_FILE, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT,
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_TIMEOUT,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_METRIC_EXPORT_INTERVAL, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME,
    OTEL_TRACES_EXPORTER, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG,
};
use crate::metrics::{MetricsSettings, PushSettings};
use crate::otlp::{HeaderSource, Headers, InvalidHeaders, ServiceSettings};
use crate::traces::{Sampling, TracesSettings};
use azure_core::http::Url;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// Where metrics are sent below the address of a collector.
const METRICS_PATH: &str = "v1/metrics";

/// Where traces are sent below the address of a collector.
const TRACES_PATH: &str = "v1/traces";

/// Where OpenTelemetry sends traces by default: to a collector on the same machine.
const DEFAULT_TRACES_ENDPOINT: &str = "http://localhost:4318/v1/traces";

/// What is recorded of requests, and where it goes.
pub struct TelemetrySettings {
    /// Where metrics go.
    pub metrics: MetricsSettings,
    /// Where traces go; `None` if they are off.
    pub traces: Option<TracesSettings>,
}

impl TelemetrySettings {
    /// Reads them, for a program that reads its other settings elsewhere.
    ///
    /// # Errors
    /// [`SettingsError`], which lists every invalid setting.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        let settings = reader.telemetry();
        reader.finish(settings)
    }
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn telemetry(&mut self) -> TelemetrySettings {
        let collector = self.url(&OTEL_EXPORTER_OTLP_ENDPOINT);
        let of_metrics = self.url(&OTEL_EXPORTER_OTLP_METRICS_ENDPOINT);
        let of_traces = self.url(&OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
        let headers = self.push_headers();
        let timeout = self.milliseconds(&OTEL_EXPORTER_OTLP_TIMEOUT);
        let _: Option<HttpProtobuf> = self.choice(&OTEL_EXPORTER_OTLP_PROTOCOL);
        let service = ServiceSettings { name: self.text(&OTEL_SERVICE_NAME), attributes: self.attributes() };

        let interval = self.milliseconds(&OTEL_METRIC_EXPORT_INTERVAL);
        let temporality = self.choice(&OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE).unwrap_or_default();
        let push = endpoint(of_metrics, collector.as_ref(), METRICS_PATH).map(|endpoint| PushSettings {
            endpoint,
            headers: headers.clone(),
            timeout,
            interval,
            temporality,
        });
        let metrics = MetricsSettings { listen: self.value(&METRICS_LISTEN), push, service: service.clone() };

        let exporter = self.choice(&OTEL_TRACES_EXPORTER).unwrap_or(TracesExporter::None);
        let interval = self.milliseconds(&OTEL_BSP_SCHEDULE_DELAY);
        let sampling = Sampling {
            sampler: self.choice(&OTEL_TRACES_SAMPLER).unwrap_or_default(),
            ratio: self.value(&OTEL_TRACES_SAMPLER_ARG).unwrap_or_default(),
        };
        let traces = (exporter == TracesExporter::Otlp).then(|| {
            let endpoint = endpoint(of_traces, collector.as_ref(), TRACES_PATH);
            let endpoint = endpoint.unwrap_or_else(|| DEFAULT_TRACES_ENDPOINT.to_owned());
            TracesSettings { endpoint, headers, timeout, interval, sampling, service }
        });
        TelemetrySettings { metrics, traces }
    }

    /// Errors do not repeat the address, which may contain a password.
    fn url(&mut self, setting: &Setting<Text>) -> Option<Url> {
        let text = self.text(setting)?;
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if url.is_none() {
            self.wrong(setting, format!("expected {}", setting.values.form));
        }
        url
    }

    fn push_headers(&mut self) -> HeaderSource {
        match (self.text(&OTEL_EXPORTER_OTLP_HEADERS), self.path(&OTEL_EXPORTER_OTLP_HEADERS_FILE)) {
            (Some(_), Some(_)) => {
                self.wrong_together(&OTEL_EXPORTER_OTLP_HEADERS, &OTEL_EXPORTER_OTLP_HEADERS_FILE);
                HeaderSource::Given(Headers::default())
            }
            (None, Some(path)) => HeaderSource::File(PathBuf::from(path)),
            (None, None) => HeaderSource::Given(Headers::default()),
            (Some(text), None) => match text.parse() {
                Ok(headers) => HeaderSource::Given(headers),
                // Not the operator's mistake: it must not stop a signer that was configured correctly.
                Err(InvalidHeaders::Unresolved) => HeaderSource::Unresolved,
                Err(error) => {
                    self.wrong(&OTEL_EXPORTER_OTLP_HEADERS, error.to_string());
                    HeaderSource::Given(Headers::default())
                }
            },
        }
    }

    fn attributes(&mut self) -> Vec<(String, String)> {
        let attributes: Vec<Attribute> = self.list(&OTEL_RESOURCE_ATTRIBUTES);
        attributes.into_iter().map(|Attribute(name, value)| (name, value)).collect()
    }
}

/// The address for one kind of data itself, or that of a collector, to which the path is added.
fn endpoint(own: Option<Url>, collector: Option<&Url>, path: &str) -> Option<String> {
    own.map(String::from).or_else(|| {
        let mut url = collector?.clone();
        let path = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Some(url.into())
    })
}

/// The values of `OTEL_TRACES_EXPORTER`.
#[derive(PartialEq, Eq)]
enum TracesExporter {
    None,
    Otlp,
}

impl FromStr for TracesExporter {
    type Err = OtherExporter;

    fn from_str(text: &str) -> Result<Self, OtherExporter> {
        match text {
            "none" => Ok(Self::None),
            "otlp" => Ok(Self::Otlp),
            _ => Err(OtherExporter),
        }
    }
}

/// An exporter that is not supported.
#[derive(Debug, Error)]
#[error("expected none or otlp")]
struct OtherExporter;

/// The only value of `OTEL_EXPORTER_OTLP_PROTOCOL`.
struct HttpProtobuf;

impl FromStr for HttpProtobuf {
    type Err = OtherProtocol;

    fn from_str(text: &str) -> Result<Self, OtherProtocol> {
        if text == "http/protobuf" { Ok(Self) } else { Err(OtherProtocol) }
    }
}

/// A protocol that is not supported.
#[derive(Debug, Error)]
#[error("expected http/protobuf")]
struct OtherProtocol;

/// An attribute of the resource.
struct Attribute(String, String);

impl FromStr for Attribute {
    type Err = NotAnAttribute;

    fn from_str(text: &str) -> Result<Self, NotAnAttribute> {
        let (name, value) = text.split_once('=').ok_or(NotAnAttribute)?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() { Err(NotAnAttribute) } else { Ok(Self(name.to_owned(), value.to_owned())) }
    }
}

/// A text that is not an attribute.
#[derive(Debug, Error)]
#[error("expected name=value")]
struct NotAnAttribute;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<TelemetrySettings, SettingsError> {
        let value =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        TelemetrySettings::read(value)
    }

    #[test]
    fn the_path_is_added_to_the_address_of_a_collector_only() {
        let (collector, metrics) = (OTEL_EXPORTER_OTLP_ENDPOINT.name, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT.name);
        for (variables, expected) in [
            (vec![], None),
            (vec![(collector, "http://localhost:4318")], Some("http://localhost:4318/v1/metrics")),
            (vec![(collector, "https://gateway.example/otlp/")], Some("https://gateway.example/otlp/v1/metrics")),
            (vec![(metrics, "https://gateway.example/api")], Some("https://gateway.example/api")),
            (vec![(collector, "http://a.example"), (metrics, "http://b.example/x")], Some("http://b.example/x")),
        ] {
            let settings = read(&variables).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(settings.metrics.push.map(|push| push.endpoint).as_deref(), expected, "{variables:?}");
        }
    }

    #[test]
    fn traces_are_pushed_only_if_they_are_switched_on() {
        let (collector, traces) = (OTEL_EXPORTER_OTLP_ENDPOINT.name, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.name);
        let on = (OTEL_TRACES_EXPORTER.name, "otlp");
        for (variables, expected) in [
            (vec![], None),
            (
                vec![(collector, "http://a.example"), (traces, "http://b.example/x"), (METRICS_LISTEN.name, "[::1]:9")],
                None,
            ),
            (vec![(collector, "http://a.example"), (OTEL_TRACES_EXPORTER.name, "none")], None),
            (vec![on], Some(DEFAULT_TRACES_ENDPOINT)),
            (vec![on, (collector, "http://a.example/otlp/")], Some("http://a.example/otlp/v1/traces")),
            (vec![on, (collector, "http://a.example"), (traces, "http://b.example/x")], Some("http://b.example/x")),
        ] {
            let settings = read(&variables).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(settings.traces.map(|traces| traces.endpoint).as_deref(), expected, "{variables:?}");
        }
    }

    #[test]
    fn wrong_settings_say_what_is_expected() {
        for (variables, name, why) in [
            (vec![("METRICS_LISTEN", "9464")], "METRICS_LISTEN", "expected address:port"),
            (vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")], "OTEL_EXPORTER_OTLP_ENDPOINT", "expected http"),
            (vec![("OTEL_EXPORTER_OTLP_HEADERS", "token")], "OTEL_EXPORTER_OTLP_HEADERS", "entry 1: it has no '='"),
            (
                vec![("OTEL_EXPORTER_OTLP_HEADERS", "a=b"), ("OTEL_EXPORTER_OTLP_HEADERS_FILE", "/headers")],
                "OTEL_EXPORTER_OTLP_HEADERS",
                "set only one of the two",
            ),
            (vec![("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "OTEL_EXPORTER_OTLP_PROTOCOL", "expected http/protobuf"),
            (vec![("OTEL_RESOURCE_ATTRIBUTES", "a=b,c")], "OTEL_RESOURCE_ATTRIBUTES", "entry 2: expected name=value"),
            (vec![("OTEL_TRACES_EXPORTER", "console")], "OTEL_TRACES_EXPORTER", "expected none or otlp"),
            (vec![("OTEL_TRACES_SAMPLER", "xray")], "OTEL_TRACES_SAMPLER", "or parentbased_traceidratio"),
            (vec![("OTEL_TRACES_SAMPLER_ARG", "NaN")], "OTEL_TRACES_SAMPLER_ARG", "expected a number from 0 to 1"),
            (vec![("OTEL_METRIC_EXPORT_INTERVAL", "0")], "OTEL_METRIC_EXPORT_INTERVAL", "expected 1000 to"),
        ] {
            let error = read(&variables).err().unwrap_or_else(|| panic!("{variables:?}"));
            let [error] = error.0.as_slice() else { panic!("{error}") };
            assert_eq!(error.name, name, "{error}");
            assert!(error.why.contains(why), "{error}");
        }
    }

    #[test]
    fn an_unresolved_reference_to_a_secret_stops_the_push_and_not_the_signer() {
        let reference = "@Microsoft.KeyVault(VaultName=v;SecretName=otlp)";
        let settings = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://gateway.example"),
            ("OTEL_EXPORTER_OTLP_HEADERS", reference),
        ]);
        let push = settings.unwrap_or_else(|error| panic!("{error}")).metrics.push.unwrap();
        assert_eq!(push.headers, HeaderSource::Unresolved);
    }
}
