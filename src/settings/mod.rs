//! Reads settings from environment variables, and reports all errors at once, each with the expected form.

mod audit;
mod config_file;
mod entry;
mod error;
mod for_marks;
mod identity;
pub mod listing;
mod log_filter;
mod logging;
mod path;
mod reader;
mod relay;
mod sealed_keys;
mod services;
pub mod setting;
mod switch;
pub mod table;
mod telemetry;
mod typos;

pub use audit::AuditSettings;
pub use config_file::{ConfigFile, ConfigFileError, InvalidLine, LineError};
pub use entry::Entry;
pub use error::{SettingError, SettingsError};
pub use for_marks::MarksSettings;
pub use log_filter::{InvalidLogFilter, LogFilter, UnknownTarget};
pub use logging::{LogFormat, LogSettings};
pub use sealed_keys::SealedKeysSettings;
pub use services::{EmbeddedSettings, MarkStoreSettings, Services, VaultSettings, process_name};
pub use table::{NAMES, NO_LONGER_READ};
pub use telemetry::TelemetrySettings;
pub use typos::{Typo, probable_typos, unknown_settings};

use crate::audit::ContainerUrl;
use crate::chain::{NodeUrl, Proxies, WatchSettings};
use crate::server::{ClientCertificates, Thumbprint};
use crate::signer::{Policy, WhenHeadUnknown};
use crate::text;
use crate::tezos::authentication::AuthorizedKey;
use crate::witness::OnForeignSignature;
use reader::Reader;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use switch::Switch;
use table::{
    ALL_PROXY, ALLOW_LIST_KNOWN_KEYS, AUTHORIZED_KEYS, CHAIN_WITNESS, CLIENT_CERTIFICATES,
    FUNCTIONS_CUSTOMHANDLER_PORT, HEAD_MAX_AGE_MS, HEAD_REFRESH_MS, HEAD_THRESHOLD, HTTP_PROXY, HTTPS_PROXY,
    KEYS_REFRESH_SECONDS, MAX_LEVEL_JUMP, NO_PROXY, NODE_URLS, ON_FOREIGN_SIGNATURE, PARTICIPATION, POLICY,
    POLICY_FILE, SIGNER_LISTEN, WHEN_HEAD_UNKNOWN,
};

/// All settings of the signer.
pub struct Settings {
    /// `SIGNER_LISTEN`, or the port that the Functions host sets.
    pub listen: SocketAddr,
    /// Where keys and marks are stored, and the identity of the process.
    pub services: Services,
    /// `KEYS_REFRESH_SECONDS`: the interval between two searches of the vault for keys.
    pub keys_refresh: Duration,
    /// `POLICY` or the contents of `POLICY_FILE`.
    pub policy: Policy,
    /// `NODE_URLS`, and how to query them. `None` without nodes.
    pub nodes: Option<WatchSettings>,
    /// `CHAIN_WITNESS` and `ON_FOREIGN_SIGNATURE`. `None` if the witness is off.
    pub witness: Option<OnForeignSignature>,
    /// `PARTICIPATION`: whether the chain is followed for the outcome of votes and blocks.
    pub participation: bool,
    /// `WHEN_HEAD_UNKNOWN`.
    pub when_head_unknown: WhenHeadUnknown,
    /// `MAX_LEVEL_JUMP`.
    pub max_level_jump: u32,
    /// `AUTHORIZED_KEYS`.
    pub authorized_keys: Vec<AuthorizedKey>,
    /// `ALLOW_LIST_KNOWN_KEYS`.
    pub list_known_keys: bool,
    /// `CLIENT_CERTIFICATES`. `None` if clients need no certificate.
    pub client_certificates: Option<ClientCertificates>,
    /// `AUDIT_CONTAINER_URL`. `None` if there is no history.
    pub audit_container: Option<ContainerUrl>,
    /// Where metrics and traces go.
    pub telemetry: TelemetrySettings,
}

impl Settings {
    /// Reads all settings from `variable`, which returns the value of an environment variable. `names` lists all variables that
    /// are set: one that is probably a misspelt setting is an error.
    ///
    /// # Errors
    /// [`SettingsError`], which lists every invalid setting.
    pub fn read(variable: impl Fn(&str) -> Option<String>, names: &[String]) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        reader.refuse_typos(names);
        let settings = Self {
            listen: reader.listen(),
            services: reader.services(),
            keys_refresh: reader.seconds(&KEYS_REFRESH_SECONDS),
            policy: reader.policy(),
            nodes: reader.nodes(),
            participation: reader.participation(),
            when_head_unknown: reader.choice(&WHEN_HEAD_UNKNOWN).unwrap_or_default(),
            max_level_jump: reader.levels(&MAX_LEVEL_JUMP),
            witness: reader.witness(),
            authorized_keys: reader.list(&AUTHORIZED_KEYS),
            list_known_keys: reader.choice(&ALLOW_LIST_KNOWN_KEYS).unwrap_or(false),
            client_certificates: reader.client_certificates(),
            audit_container: reader.audit_container(),
            telemetry: reader.telemetry(),
        };
        reader.require_database(&settings.services);
        reader.require_authorized_keys(&settings);
        reader.finish(settings)
    }

    /// Whether a service in Azure is used, so that the process needs an identity.
    pub const fn are_in_azure(&self) -> bool {
        self.services.are_in_azure() || self.audit_container.is_some()
    }
}

/// Reads only the policy, from `POLICY` or `POLICY_FILE`.
///
/// # Errors
/// [`SettingsError`] if it cannot be read.
pub fn policy(variable: impl Fn(&str) -> Option<String>) -> Result<Policy, SettingsError> {
    let mut reader = Reader::new(variable);
    let policy = reader.policy();
    reader.finish(policy)
}

/// Reads only `NODE_URLS`, and how to query the nodes. `None` without nodes.
///
/// # Errors
/// [`SettingsError`] if they are invalid.
pub fn nodes(variable: impl Fn(&str) -> Option<String>) -> Result<Option<WatchSettings>, SettingsError> {
    let mut reader = Reader::new(variable);
    let nodes = reader.nodes();
    reader.finish(nodes)
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn listen(&mut self) -> SocketAddr {
        match self.value::<u16>(&FUNCTIONS_CUSTOMHANDLER_PORT) {
            Some(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            None => self.address(&SIGNER_LISTEN),
        }
    }

    fn policy(&mut self) -> Policy {
        let (name, text) = match (self.text(&POLICY), self.path(&POLICY_FILE)) {
            (Some(_), Some(_)) => {
                self.wrong_together(&POLICY, &POLICY_FILE);
                return Policy::default();
            }
            (Some(text), None) => (POLICY.name, text),
            (None, Some(path)) => match text::read(Path::new(&path)) {
                Ok(text) => (POLICY_FILE.name, text),
                Err(error) => {
                    self.wrong(&POLICY_FILE, format!("{path}: {error}; expected a JSON file"));
                    return Policy::default();
                }
            },
            (None, None) => return Policy::default(),
        };
        text.parse().unwrap_or_else(|error: crate::signer::policy::PolicyError| {
            for problem in error.0 {
                self.wrong_variable(name, problem.to_string());
            }
            Policy::default()
        })
    }

    /// The header that names a client's certificate is trustworthy only where the platform sets it, and nothing else can reach the
    /// signer.
    fn client_certificates(&mut self) -> Option<ClientCertificates> {
        let thumbprints: Vec<Thumbprint> = self.list(&CLIENT_CERTIFICATES);
        if self.is_set(&CLIENT_CERTIFICATES) && !self.is_behind_platform() {
            let reason = "is set outside a function app: without the platform in front, any client can claim to have a certificate; \
                          remove it, and use AUTHORIZED_KEYS";
            self.wrong(&CLIENT_CERTIFICATES, reason);
        }
        (!thumbprints.is_empty()).then(|| ClientCertificates::new(thumbprints))
    }

    /// A key that requires authentication, with no authorized keys, could never sign.
    fn require_authorized_keys(&mut self, settings: &Settings) {
        if !settings.authorized_keys.is_empty() || self.is_set(&AUTHORIZED_KEYS) {
            return;
        }
        let paths = settings.policy.requiring_authentication(false);
        if !paths.is_empty() {
            let paths = paths.join(", ");
            let reason = format!(
                "expected, since the policy says \"require_authentication\": true ({paths}): without authorized keys nothing could \
                 be signed there"
            );
            self.wrong(&AUTHORIZED_KEYS, reason);
        }
    }

    fn witness(&mut self) -> Option<OnForeignSignature> {
        let switch = self.choice(&CHAIN_WITNESS).unwrap_or(Switch::On);
        let action = self.choice(&ON_FOREIGN_SIGNATURE).unwrap_or_default();
        (switch == Switch::On).then_some(action)
    }

    fn participation(&mut self) -> bool {
        self.choice(&PARTICIPATION).unwrap_or(Switch::On) == Switch::On
    }

    fn nodes(&mut self) -> Option<WatchSettings> {
        let mut nodes: Vec<NodeUrl> = self.list(&NODE_URLS);
        let proxies = Proxies::new(
            self.trimmed(&HTTP_PROXY),
            self.trimmed(&HTTPS_PROXY),
            self.trimmed(&ALL_PROXY),
            self.text(&NO_PROXY).as_deref(),
        );
        for node in &mut nodes {
            if let Err(error) = node.use_proxy(&proxies) {
                self.wrong_variable(error.variable, format!("{node} is queried through it: {error}"));
            }
        }
        let threshold = self.levels(&HEAD_THRESHOLD);
        let refresh = self.milliseconds(&HEAD_REFRESH_MS);
        let max_age = self.milliseconds(&HEAD_MAX_AGE_MS);
        if max_age < 2 * refresh {
            self.wrong(
                &HEAD_MAX_AGE_MS,
                "expected at least twice HEAD_REFRESH_MS: otherwise, heads would be too old between answers",
            );
        }
        let timeout = refresh.clamp(Duration::from_secs(1), Duration::from_secs(5));
        (!nodes.is_empty()).then_some(WatchSettings { nodes, threshold, refresh, max_age, timeout })
    }
}

#[cfg(test)]
mod tests;
