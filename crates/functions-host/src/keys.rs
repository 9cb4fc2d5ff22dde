//! The host key, which opens all functions. Function keys and the master key are not supported.

use hyper::HeaderMap;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

/// The keys of the host.
#[derive(Debug, Clone)]
pub struct Keys {
    host: String,
}

impl Keys {
    /// A random host key.
    pub fn generate() -> Self {
        Self::with_host_key(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
    }

    /// Sets the host key.
    pub fn with_host_key(key: impl Into<String>) -> Self {
        Self { host: key.into() }
    }

    /// The host key.
    pub fn default_key(&self) -> &str {
        &self.host
    }

    /// Whether a request has the key: in the header, or else in the query.
    pub(crate) fn allow(&self, headers: &HeaderMap, query: Option<&str>) -> bool {
        if let Some(value) = headers.get("x-functions-key") {
            return value.as_bytes() == self.host.as_bytes();
        }
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let mut codes = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("code"));
        codes.next().is_some_and(|(_, value)| percent_decode_str(value).eq(self.host.bytes()))
    }
}
