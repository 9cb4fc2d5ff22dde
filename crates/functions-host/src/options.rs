//! How a host is set up.

use crate::keys::Keys;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How a host is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The app settings, and whatever else the handler is to see: it sees nothing of the environment of the test.
    pub environment: BTreeMap<String, String>,
    /// The number of instances. Each is a host with a handler of its own.
    pub instances: usize,
    /// As on a developer's machine: no keys are needed, and the handler sees nothing of Azure.
    pub development: bool,
    /// The key that requests must have.
    pub keys: Keys,
    /// Where requests arrive; port 0 is any free one.
    pub listen: SocketAddr,
    /// Whether a request with a body is sent again although its body was sent before. The real host never does that; this is
    /// harsher to a handler that must not do anything twice.
    pub resend: bool,
    /// The longest time between two errors of the handler that count together.
    pub error_window: Duration,
    /// Whether an instance that stops is replaced by a new one, as the platform does it.
    pub replace_stopped_instances: bool,
    /// The longest time for which the old and the new handler both run when a host is restarted. It ends when the new one
    /// answers.
    pub restart_overlap: Duration,
    /// The name of the app.
    pub site_name: String,
}

impl Default for Options {
    /// One instance with a generated key, on any port. Requests are sent again.
    fn default() -> Self {
        Self {
            environment: BTreeMap::new(),
            instances: 1,
            development: false,
            keys: Keys::generate(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            resend: true,
            error_window: Duration::from_mins(30),
            replace_stopped_instances: false,
            restart_overlap: Duration::from_secs(1),
            site_name: "functions-host".to_owned(),
        }
    }
}

impl Options {
    /// The default options, and this environment for the handler.
    pub fn with_environment<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let environment = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { environment, ..Self::default() }
    }
}
