//! The configuration of a host.

use crate::keys::Keys;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Configuration of a host.
#[derive(Debug, Clone)]
pub struct Options {
    /// App settings and other variables of the handler, which does not inherit the environment of the test.
    pub environment: BTreeMap<String, String>,
    /// Number of instances, each a host with its own handler.
    pub instances: usize,
    /// As on a developer's machine: no keys are required, and Azure's variables are not set.
    pub development: bool,
    /// The keys that requests are checked against.
    pub keys: Keys,
    /// Address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether a request is retried after its body was sent. The real host never does that; it is a harder test for a handler
    /// that must not do anything twice.
    pub resend: bool,
    /// Handler errors further apart than this do not add up.
    pub error_window: Duration,
    /// Whether a stopped instance is replaced by a new one, as the platform does.
    pub replace_stopped_instances: bool,
    /// Maximum time for which the old and the new handler both run when a host restarts. It ends once the new one answers.
    pub restart_overlap: Duration,
    /// Name of the app.
    pub site_name: String,
}

impl Default for Options {
    /// One instance with a generated key, on any port. Requests are retried.
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
    /// The default options, with this environment for the handler.
    pub fn with_environment<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let environment = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { environment, ..Self::default() }
    }
}
