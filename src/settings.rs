//! Environment variables to settings. Everything that is wrong is named at once, each with what would be right.

use crate::chain::{NodeUrl, WatchSettings};
use crate::signer::{AuthorizedKey, Policy, WhenHeadUnknown};
use age::secrecy::SecretString;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// What the environment says, or the defaults.
pub struct Settings {
    /// `SIGNER_LISTEN`, or the port that the Functions host gives.
    pub listen: SocketAddr,
    /// `LOCAL_DATA_DIR` and the passphrase of the key file.
    pub local: LocalSettings,
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
    /// `REQUEST_DEADLINE_MS`.
    pub request_deadline: Duration,
    /// Whether the process runs in Azure, not on a laptop.
    pub is_in_azure_functions: bool,
}

/// Where the embedded vault and mark store are.
#[derive(Clone)]
pub struct LocalSettings {
    /// `LOCAL_DATA_DIR`.
    pub data_dir: PathBuf,
    /// `LOCAL_VAULT_PASSPHRASE`, or the contents of `LOCAL_VAULT_PASSPHRASE_FILE`.
    pub passphrase: Option<SecretString>,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
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

/// Every variable that is read.
pub const NAMES: [&str; 22] = [
    "SIGNER_LISTEN",
    "FUNCTIONS_CUSTOMHANDLER_PORT",
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
    "WEBSITE_INSTANCE_ID",
    "WEBSITE_POD_NAME",
    "WEBSITE_SITE_NAME",
    "AZURE_FUNCTIONS_ENVIRONMENT",
];

impl Settings {
    /// Reads all settings from `variable`, which gives the value of an environment variable.
    ///
    /// # Errors
    /// [`SettingsError`], with all that is wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader { variable, errors: Vec::new() };
        let settings = Self {
            listen: reader.listen(),
            local: reader.local(),
            policy: reader.policy(),
            nodes: reader.nodes(),
            when_head_unknown: reader.parsed("WHEN_HEAD_UNKNOWN", "fail or sign").unwrap_or_default(),
            max_level_jump: reader
                .parsed("MAX_LEVEL_JUMP", "a whole number of levels")
                .unwrap_or(defaults::MAX_LEVEL_JUMP),
            authorized_keys: reader.list("AUTHORIZED_KEYS"),
            list_known_keys: reader.parsed("ALLOW_LIST_KNOWN_KEYS", "true or false").unwrap_or(false),
            request_deadline: reader.milliseconds("REQUEST_DEADLINE_MS", defaults::REQUEST_DEADLINE_MS, 10..=60_000),
            is_in_azure_functions: reader.is_in_azure_functions(),
        };
        reader.finish(settings)
    }
}

impl LocalSettings {
    /// Reads what the commands on the vault and the marks need.
    ///
    /// # Errors
    /// [`SettingsError`], with all that is wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader { variable, errors: Vec::new() };
        let settings = reader.local();
        reader.finish(settings)
    }
}

/// `LOG_FORMAT`, which is needed before the others.
///
/// # Errors
/// [`SettingsError`] if it is none.
pub fn log_format(variable: impl Fn(&str) -> Option<String>) -> Result<LogFormat, SettingsError> {
    let mut reader = Reader { variable, errors: Vec::new() };
    let format = reader.parsed("LOG_FORMAT", "auto, text or json").unwrap_or_default();
    reader.finish(format)
}

struct Reader<F> {
    variable: F,
    errors: Vec<SettingError>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// The value of a variable; one that is empty counts as not set, one of white space does not.
    fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty()).map(|value| value.trim().to_owned())
    }

    fn wrong(&mut self, name: &'static str, why: impl Into<String>) {
        self.errors.push(SettingError { name, why: why.into() });
    }

    fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        if self.errors.is_empty() { Ok(settings) } else { Err(SettingsError(self.errors)) }
    }

    fn parsed<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.wrong(name, format!("'{text}': expected {expected}"));
        }
        value
    }

    /// A list separated by commas. One wrong entry does not hide another. Entries are not repeated in errors: a URL may hold
    /// a password, and a secret key may stand where a public one should.
    fn list<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str) -> Vec<T> {
        let Some(text) = self.text(name) else { return Vec::new() };
        let mut values = Vec::new();
        for (index, entry) in text.split(',').enumerate() {
            match entry.trim().parse() {
                Ok(value) => values.push(value),
                Err(error) => self.wrong(name, format!("entry {}: {error}", index + 1)),
            }
        }
        values
    }

    fn milliseconds(&mut self, name: &'static str, default: u64, range: std::ops::RangeInclusive<u64>) -> Duration {
        let value = self.parsed(name, "a whole number of milliseconds").unwrap_or(default);
        if !range.contains(&value) {
            self.wrong(name, format!("{value}: expected {} to {} milliseconds", range.start(), range.end()));
        }
        Duration::from_millis(value)
    }

    fn listen(&mut self) -> SocketAddr {
        match self.parsed::<u16>("FUNCTIONS_CUSTOMHANDLER_PORT", "a port, 0 to 65535") {
            Some(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            None => self.parsed("SIGNER_LISTEN", "address:port, such as 127.0.0.1:6732").unwrap_or(defaults::LISTEN),
        }
    }

    fn local(&mut self) -> LocalSettings {
        const VALUE: &str = "LOCAL_VAULT_PASSPHRASE";
        const FILE: &str = "LOCAL_VAULT_PASSPHRASE_FILE";
        let data_dir = self.text("LOCAL_DATA_DIR").unwrap_or_else(|| defaults::LOCAL_DATA_DIR.to_owned()).into();
        let inline = (self.variable)(VALUE).filter(|value| !value.is_empty());
        let text = match (inline, self.text(FILE)) {
            (Some(_), Some(_)) => {
                self.wrong(VALUE, format!("is set, and {FILE} too: set one of the two"));
                None
            }
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => {
                    self.wrong(FILE, format!("{path}: {error}; expected a file that holds the passphrase"));
                    None
                }
            },
            (inline, None) => inline,
        };
        if text.as_deref() == Some("") {
            self.wrong(FILE, "the file is empty; expected a passphrase");
        }
        LocalSettings { data_dir, passphrase: text.map(SecretString::from) }
    }

    fn policy(&mut self) -> Policy {
        let (name, text) = match (self.text("POLICY"), self.text("POLICY_FILE")) {
            (Some(_), Some(_)) => {
                self.wrong("POLICY", "is set, and POLICY_FILE too: set one of the two");
                return Policy::default();
            }
            (Some(text), None) => ("POLICY", text),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
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

    fn nodes(&mut self) -> Option<WatchSettings> {
        let nodes: Vec<NodeUrl> = self.list("NODE_URLS");
        let threshold = self.parsed("HEAD_THRESHOLD", "a whole number of levels").unwrap_or(defaults::HEAD_THRESHOLD);
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

    /// The platform names its instances, whatever an app setting says. It names the site too; `func start` on a laptop may
    /// do so as well, but says that it is for development.
    fn is_in_azure_functions(&self) -> bool {
        let is_instance = self.text("WEBSITE_INSTANCE_ID").is_some() || self.text("WEBSITE_POD_NAME").is_some();
        let is_development = self.text("AZURE_FUNCTIONS_ENVIRONMENT").as_deref() == Some("Development");
        is_instance || (self.text("WEBSITE_SITE_NAME").is_some() && !is_development)
    }
}

#[cfg(test)]
mod tests;
