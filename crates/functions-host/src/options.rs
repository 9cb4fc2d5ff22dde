//! How a host is set up.

use crate::keys::Keys;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The hosting plan, as far as a handler notices it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Plan {
    /// Flex Consumption: the host tries to make the handler executable.
    #[default]
    Flex,
    /// Premium or Dedicated: the package must have the mode right.
    Premium,
}

/// How a host is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The app settings and whatever else the handler is to see; it sees nothing of the environment of the test.
    pub environment: BTreeMap<String, String>,
    /// How many instances there are. Each has a host and a handler of its own.
    pub instances: usize,
    /// The hosting plan.
    pub plan: Plan,
    /// As on a developer's machine: no keys are needed, and the handler sees nothing of the platform.
    pub development: bool,
    /// The keys that requests may have.
    pub keys: Keys,
    /// Where requests arrive; port 0 is any free one.
    pub listen: SocketAddr,
    /// Whether a request that was sent and not answered is sent again even if it has a body. Otherwise such a request
    /// fails at once, and only one that could not be sent at all is tried again. A body over 1 MiB is never sent twice.
    pub resend: bool,
    /// An error of the handler counts together with the one before it if no more than this is between them.
    pub error_window: Duration,
    /// Whether the platform replaces an instance that has stopped.
    pub replace_stopped_instances: bool,
    /// How long nothing may move between host and handler while a request is under way.
    pub activity_timeout: Duration,
    /// The name of the app, for the handler.
    pub site_name: String,
}

impl Default for Options {
    /// One instance in Flex Consumption with generated keys, on any port, and as little mercy for a signer as a host
    /// can have: requests are sent again.
    fn default() -> Self {
        Self {
            environment: BTreeMap::new(),
            instances: 1,
            plan: Plan::default(),
            development: false,
            keys: Keys::generate(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            resend: true,
            error_window: Duration::from_mins(30),
            replace_stopped_instances: false,
            activity_timeout: Duration::from_mins(4),
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
