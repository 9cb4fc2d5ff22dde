//! What identifies this process to a receiver.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

/// The name of the scope of instruments and spans.
pub(crate) const SCOPE: &str = "azurehsm_signer";

/// The program that metrics and traces come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The signer.
    Signer,
    /// The signer as an observer.
    Observer,
    /// The relay.
    Relay,
}

impl Program {
    /// The default of `service.name`.
    const fn service_name(self) -> &'static str {
        match self {
            Self::Signer => "azurehsm-signer",
            Self::Observer => "azurehsm-signer-observer",
            Self::Relay => "azurehsm-signer-relay",
        }
    }
}

/// What an operator says about this process.
#[derive(Debug, Clone, Default)]
pub struct ServiceSettings {
    /// `OTEL_SERVICE_NAME`; `None` stands for the name of the program.
    pub name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub attributes: Vec<(String, String)>,
}

impl ServiceSettings {
    /// `OTEL_SERVICE_NAME` wins over `OTEL_RESOURCE_ATTRIBUTES`, and these over what the process knows by itself. `instance` is the
    /// name of this process.
    pub(crate) fn resource(&self, program: Program, instance: &str) -> Resource {
        let given = self.attributes.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
        let name = self.name.iter().map(|name| KeyValue::new("service.name", name.clone()));
        let own = [
            KeyValue::new("service.name", program.service_name()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ];
        Resource::builder_empty().with_attributes(own).with_attributes(given).with_attributes(name).build()
    }
}

/// An address without what may be secret in it.
pub(crate) fn shown(endpoint: &str) -> String {
    let url = reqwest::Url::parse(endpoint).ok();
    url.map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}
