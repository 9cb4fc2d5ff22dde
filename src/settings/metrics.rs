//! The settings of the metrics, of signer and relay: those of OpenTelemetry, and `METRICS_LISTEN`.

use super::SettingsError;
use super::reader::Reader;
use super::setting::{Setting, Text};
use super::table::{
    METRICS_LISTEN, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_HEADERS_FILE,
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE,
    OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_TIMEOUT, OTEL_METRIC_EXPORT_INTERVAL, OTEL_RESOURCE_ATTRIBUTES,
    OTEL_SERVICE_NAME,
};
use crate::metrics::{HeaderSource, Headers, InvalidHeaders, MetricsSettings, PushSettings};
use azure_core::http::Url;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// Where metrics are sent below the address of a collector.
const METRICS_PATH: &str = "v1/metrics";

impl MetricsSettings {
    /// Reads them, for a program that reads its other settings elsewhere.
    ///
    /// # Errors
    /// [`SettingsError`], which lists every invalid setting.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        let settings = reader.metrics();
        reader.finish(settings)
    }
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn metrics(&mut self) -> MetricsSettings {
        let endpoint = self.push_endpoint();
        let headers = self.push_headers();
        let timeout = self.milliseconds(&OTEL_EXPORTER_OTLP_TIMEOUT);
        let interval = self.milliseconds(&OTEL_METRIC_EXPORT_INTERVAL);
        let temporality = self.choice(&OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE).unwrap_or_default();
        let _: Option<HttpProtobuf> = self.choice(&OTEL_EXPORTER_OTLP_PROTOCOL);
        MetricsSettings {
            listen: self.value(&METRICS_LISTEN),
            push: endpoint.map(|endpoint| PushSettings { endpoint, headers, timeout, interval, temporality }),
            service_name: self.text(&OTEL_SERVICE_NAME),
            attributes: self.attributes(),
        }
    }

    /// The address for metrics itself, or that of a collector, to which the path is added.
    fn push_endpoint(&mut self) -> Option<String> {
        let metrics = self.url(&OTEL_EXPORTER_OTLP_METRICS_ENDPOINT);
        let collector = self.url(&OTEL_EXPORTER_OTLP_ENDPOINT);
        metrics.map(String::from).or_else(|| {
            let mut url = collector?;
            let path = format!("{}/{METRICS_PATH}", url.path().trim_end_matches('/'));
            url.set_path(&path);
            Some(url.into())
        })
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
                let reason = "is set, and so is OTEL_EXPORTER_OTLP_HEADERS_FILE: set only one of the two";
                self.wrong(&OTEL_EXPORTER_OTLP_HEADERS, reason);
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

    fn read(variables: &[(&str, &str)]) -> Result<MetricsSettings, SettingsError> {
        let value =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        MetricsSettings::read(value)
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
            assert_eq!(settings.push.map(|push| push.endpoint).as_deref(), expected, "{variables:?}");
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
        let push = settings.unwrap_or_else(|error| panic!("{error}")).push.unwrap();
        assert_eq!(push.headers, HeaderSource::Unresolved);
    }
}
