//! Environment variables to settings. Everything that is wrong is named at once, each with what would be right.

mod for_marks;
mod log_filter;
mod logging;
mod path;
mod reader;
mod services;
mod typos;

pub use for_marks::MarksSettings;
pub use log_filter::{InvalidLogFilter, LogFilter, UnknownTarget};
pub use logging::{LogFormat, LogSettings};
pub use services::{EmbeddedSettings, MarkStoreSettings, Services, VaultSettings};
pub use typos::{Typo, probable_typos};

use crate::chain::{NodeUrl, Proxies, WatchSettings};
use crate::functions_host;
use crate::signer::{AuthorizedKey, Policy, WhenHeadUnknown};
use crate::text;
use reader::Reader;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// What the environment says, or the defaults.
pub struct Settings {
    /// `SIGNER_LISTEN`, or the port that the Functions host gives.
    pub listen: SocketAddr,
    /// Where keys and marks are, and who the process is there.
    pub services: Services,
    /// `KEYS_REFRESH_SECONDS`: how often the vault is asked for all its keys.
    pub keys_refresh: Duration,
    /// `POLICY` or the contents of `POLICY_FILE`.
    pub policy: Policy,
    /// `NODE_URLS` and how they are asked; `None` if there are none.
    pub nodes: Option<WatchSettings>,
    /// `WHEN_HEAD_UNKNOWN`.
    pub when_head_unknown: WhenHeadUnknown,
    /// `MAX_LEVEL_JUMP`.
    pub max_level_jump: u32,
    /// `AUTHORIZED_KEYS`.
    pub authorized_keys: Vec<AuthorizedKey>,
    /// `ALLOW_LIST_KNOWN_KEYS`.
    pub list_known_keys: bool,
}

/// Every setting that is wrong. Values of secret settings are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct SettingsError(pub Vec<SettingError>);

/// One setting that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    /// The variable.
    pub name: &'static str,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.name, self.why)
    }
}

/// The defaults, as README tells them.
pub mod defaults {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    /// The port of octez-signer.
    pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6732);
    /// A folder in the current one.
    pub const LOCAL_DATA_DIR: &str = "./data";
    /// The database in Cosmos DB.
    pub const COSMOS_DATABASE: &str = "signer";
    /// The container in it.
    pub const COSMOS_CONTAINER: &str = "marks";
    /// Longer than nearly all calls of vault and database take, and short enough for several calls within a request.
    pub const VAULT_HEDGE_MS: u64 = 800;
    /// The same.
    pub const STORE_HEDGE_MS: u64 = 800;
    /// A new key is found sooner when it is asked for.
    pub const KEYS_REFRESH_SECONDS: u64 = 300;
    /// Twelve minutes of blocks.
    pub const HEAD_THRESHOLD: u32 = 120;
    /// Less than a block's time.
    pub const HEAD_REFRESH_MS: u64 = 3_000;
    /// Half of `HEAD_THRESHOLD` is about as much time again.
    pub const HEAD_MAX_AGE_MS: u64 = 60_000;
    /// About a week of blocks.
    pub const MAX_LEVEL_JUMP: u32 = 100_000;
    /// Less than the time of a block.
    pub const REQUEST_DEADLINE_MS: u64 = 4_000;
}

/// 0 would refuse nearly everything. The upper end is about a week of blocks: beyond that, the head no longer says what is right.
const HEAD_THRESHOLD_RANGE: RangeInclusive<u32> = 1..=100_000;

/// 0 would refuse everything. The upper end is about two years of blocks: beyond that, a single request could silence a key for
/// good, which is what the setting is there to prevent.
const MAX_LEVEL_JUMP_RANGE: RangeInclusive<u32> = 1..=10_000_000;

/// Every variable that is read.
pub const NAMES: [&str; 49] = [
    "SIGNER_LISTEN",
    "FUNCTIONS_CUSTOMHANDLER_PORT",
    "KEY_VAULT_URL",
    "SIGNING_KEYS",
    "SIGNING_KEY_TAG",
    "VAULT_HEDGE_MS",
    "KEYS_REFRESH_SECONDS",
    "COSMOS_ENDPOINT",
    "COSMOS_DATABASE",
    "COSMOS_CONTAINER",
    "STORE_HEDGE_MS",
    "MARKS",
    "ALLOW_WEAK_CONSISTENCY",
    "AZURE_CLIENT_ID",
    "AZURE_TENANT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "LOCAL_DATA_DIR",
    "LOCAL_VAULT_PASSPHRASE",
    "LOCAL_VAULT_PASSPHRASE_FILE",
    "POLICY",
    "POLICY_FILE",
    "NODE_URLS",
    "HEAD_THRESHOLD",
    "HEAD_REFRESH_MS",
    "HEAD_MAX_AGE_MS",
    "WHEN_HEAD_UNKNOWN",
    "MAX_LEVEL_JUMP",
    "AUTHORIZED_KEYS",
    "ALLOW_LIST_KNOWN_KEYS",
    "REQUEST_DEADLINE_MS",
    "LOG_FORMAT",
    "RUST_LOG",
    "WEBSITE_HOSTNAME",
    "WEBSITE_INSTANCE_ID",
    "WEBSITE_POD_NAME",
    "WEBSITE_SITE_NAME",
    "AZURE_FUNCTIONS_ENVIRONMENT",
    "REGION_NAME",
    "COSMOS_DISABLE_IMDS",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Variables that earlier versions read. They have no effect, which the start says.
pub const NO_LONGER_READ: [&str; 2] = ["STORE_TRY_TIMEOUT_MS", "VAULT_TRY_TIMEOUT_MS"];

impl Settings {
    /// Reads all settings from `variable`, which gives the value of an environment variable. `names` are those of all variables
    /// that are set: one that is probably a misspelt setting is an error.
    ///
    /// # Errors
    /// [`SettingsError`], with all that is wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>, names: &[String]) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        reader.refuse_typos(names);
        let settings = Self {
            listen: reader.listen(),
            services: reader.services(),
            keys_refresh: reader.seconds("KEYS_REFRESH_SECONDS", defaults::KEYS_REFRESH_SECONDS, 1..=86_400),
            policy: reader.policy(),
            nodes: reader.nodes(),
            when_head_unknown: reader.parsed("WHEN_HEAD_UNKNOWN", "fail or sign").unwrap_or_default(),
            max_level_jump: reader.max_level_jump(),
            authorized_keys: reader.list("AUTHORIZED_KEYS"),
            list_known_keys: reader.parsed("ALLOW_LIST_KNOWN_KEYS", "true or false").unwrap_or(false),
        };
        reader.require_database(&settings.services);
        reader.require_authorized_keys(&settings);
        reader.finish(settings)
    }
}

/// `POLICY` or `POLICY_FILE`, by itself.
///
/// # Errors
/// [`SettingsError`] if it cannot be read.
pub fn policy(variable: impl Fn(&str) -> Option<String>) -> Result<Policy, SettingsError> {
    let mut reader = Reader::new(variable);
    let policy = reader.policy();
    reader.finish(policy)
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn listen(&mut self) -> SocketAddr {
        match self.parsed::<u16>(functions_host::PORT, "a port, 0 to 65535") {
            Some(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            None => self.parsed("SIGNER_LISTEN", "address:port, such as 127.0.0.1:6732").unwrap_or(defaults::LISTEN),
        }
    }

    fn policy(&mut self) -> Policy {
        let (name, text) = match (self.text("POLICY"), self.path("POLICY_FILE")) {
            (Some(_), Some(_)) => {
                self.wrong("POLICY", "is set, and POLICY_FILE too: set one of the two");
                return Policy::default();
            }
            (Some(text), None) => ("POLICY", text),
            (None, Some(path)) => match text::read(Path::new(&path)) {
                Ok(text) => ("POLICY_FILE", text),
                Err(error) => {
                    self.wrong("POLICY_FILE", format!("{path}: {error}; expected a JSON file"));
                    return Policy::default();
                }
            },
            (None, None) => return Policy::default(),
        };
        text.parse().unwrap_or_else(|error: crate::signer::policy::PolicyError| {
            for why in error.0 {
                self.wrong(name, why);
            }
            Policy::default()
        })
    }

    /// A key that requires authentication by nobody could never sign.
    fn require_authorized_keys(&mut self, settings: &Settings) {
        if !settings.authorized_keys.is_empty() || self.text("AUTHORIZED_KEYS").is_some() {
            return;
        }
        let places = settings.policy.requiring_authentication(false);
        if !places.is_empty() {
            let places = places.join(", ");
            let why = format!(
                "expected, since the policy says \"require_authentication\": true ({places}): without authorized keys nothing could \
                 be signed there"
            );
            self.wrong("AUTHORIZED_KEYS", why);
        }
    }

    fn nodes(&mut self) -> Option<WatchSettings> {
        let mut nodes: Vec<NodeUrl> = self.list("NODE_URLS");
        let proxies = Proxies::read(|name| self.text(name));
        for node in &mut nodes {
            if let Err(error) = node.use_proxy(&proxies) {
                self.wrong(error.variable, format!("{node} is asked through it: {error}"));
            }
        }
        let threshold = self.levels("HEAD_THRESHOLD", defaults::HEAD_THRESHOLD, HEAD_THRESHOLD_RANGE);
        let refresh = self.milliseconds("HEAD_REFRESH_MS", defaults::HEAD_REFRESH_MS, 50..=600_000);
        let max_age = self.milliseconds("HEAD_MAX_AGE_MS", defaults::HEAD_MAX_AGE_MS, 100..=3_600_000);
        if max_age < 2 * refresh {
            self.wrong(
                "HEAD_MAX_AGE_MS",
                "expected at least twice HEAD_REFRESH_MS: heads would be too old between answers",
            );
        }
        let timeout = refresh.clamp(Duration::from_secs(1), Duration::from_secs(5));
        (!nodes.is_empty()).then_some(WatchSettings { nodes, threshold, refresh, max_age, timeout })
    }
}

#[cfg(test)]
mod tests;
