//! Where keys and marks are stored: in Azure, or embedded.

use super::reader::Reader;
use super::setting::{FilePath, Milliseconds, Setting, Text};
use super::table::{
    ALLOW_WEAK_CONSISTENCY, AZURE_FUNCTIONS_ENVIRONMENT, COSMOS_CONTAINER, COSMOS_DATABASE, COSMOS_ENDPOINT,
    FUNCTIONS_CUSTOMHANDLER_PORT, KEY_VAULT_URL, LOCAL_DATA_DIR, LOCAL_VAULT_PASSPHRASE, LOCAL_VAULT_PASSPHRASE_FILE,
    MARKS, OBSERVE, REGION_NAME, REQUEST_DEADLINE_MS, SIGNING_KEY_TAG, SIGNING_KEYS, STORE_HEDGE_MS, VAULT_HEDGE_MS,
    VAULT_IDLE_SECONDS, WEBSITE_INSTANCE_ID, WEBSITE_POD_NAME, WEBSITE_SITE_NAME,
};
use super::{SealedKeysSettings, SettingsError};
use crate::azure::IdentitySettings;
use crate::functions_host;
use crate::marks::{CosmosSettings, StoreRole};
use crate::vault::key_vault::{ANSWER_TIMEOUT, KeyIdentifier, KeyVaultSettings, VaultUrl};
use crate::vault::sealed::KeyReleaseSettings;
use azure_core::http::Url;
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// Where keys and marks are stored, and the identity of the process.
#[derive(Clone)]
pub struct Services {
    /// Where keys are stored.
    pub vault: VaultSettings,
    /// Where sealed keys are stored.
    pub sealed_keys: SealedKeysSettings,
    /// `SECURE_KEY_RELEASE_URL` and `ATTESTATION_ENDPOINT`: how recipients' keys are released to this container. `None` if not set.
    pub key_release: Option<KeyReleaseSettings>,
    /// Where marks are stored.
    pub marks: MarkStoreSettings,
    /// `OBSERVE`: what the mark store is for.
    pub role: StoreRole,
    /// The settings of the embedded vault and mark store, for those in use.
    pub embedded: EmbeddedSettings,
    /// The process's identity in Azure, as configured by the environment.
    pub identity: IdentitySettings,
    /// The name of this process in the marks that it writes.
    pub instance: String,
    /// `REQUEST_DEADLINE_MS`: the deadline of a request. Commands use it for each mark.
    pub request_deadline: Duration,
}

/// Where keys are stored.
#[derive(Clone)]
pub enum VaultSettings {
    /// In a file in `LOCAL_DATA_DIR`.
    Embedded,
    /// In Key Vault or Managed HSM.
    KeyVault(Box<KeyVaultSettings>),
}

/// Where marks are stored.
#[derive(Clone)]
pub enum MarkStoreSettings {
    /// In a file in `LOCAL_DATA_DIR`.
    Embedded,
    /// In Cosmos DB.
    Cosmos(CosmosSettings),
}

/// Folder and passphrase of the embedded vault and mark store.
#[derive(Clone)]
pub struct EmbeddedSettings {
    /// `LOCAL_DATA_DIR`.
    pub data_dir: PathBuf,
    /// `LOCAL_VAULT_PASSPHRASE`, or the contents of `LOCAL_VAULT_PASSPHRASE_FILE`.
    pub passphrase: Option<SecretString>,
}

impl EmbeddedSettings {
    /// The file of the embedded mark store.
    pub fn marks_file(&self) -> PathBuf {
        self.data_dir.join("marks.redb")
    }
}

/// The name of this process among all that use the same services: the platform's name for the instance or else the host name, and the
/// process id.
pub fn process_name(variable: impl Fn(&str) -> Option<String>) -> String {
    Reader::new(variable).instance()
}

impl Services {
    /// Reads what the commands on marks need. The same rules apply as when the signer starts, so a command never opens another
    /// mark store than the signer would. `names` lists all variables that are set.
    ///
    /// # Errors
    /// [`SettingsError`], which lists every invalid setting.
    pub fn read(variable: impl Fn(&str) -> Option<String>, names: &[String]) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        reader.refuse_typos(names);
        let settings = reader.services();
        reader.require_database(&settings);
        reader.finish(settings)
    }

    /// Reads what the commands on keys need. They open no mark store, so a vault without a database is fine here.
    ///
    /// # Errors
    /// [`SettingsError`], which lists every invalid setting.
    pub fn read_for_keys(variable: impl Fn(&str) -> Option<String>, names: &[String]) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        reader.refuse_typos(names);
        let settings = reader.services();
        reader.finish(settings)
    }

    /// Whether the vault, the mark store or the recipients of sealed keys are in Azure.
    pub const fn are_in_azure(&self) -> bool {
        !self.sealed_keys.is_empty()
            || matches!(self.vault, VaultSettings::KeyVault(_))
            || matches!(self.marks, MarkStoreSettings::Cosmos(_))
    }
}

/// The only value of `MARKS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Embedded;

impl FromStr for Embedded {
    type Err = NotEmbedded;

    fn from_str(text: &str) -> Result<Self, NotEmbedded> {
        if text == "embedded" { Ok(Self) } else { Err(NotEmbedded) }
    }
}

/// A text other than `embedded`.
#[derive(Debug, Error)]
#[error("expected 'embedded'")]
struct NotEmbedded;

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn services(&mut self) -> Services {
        let request_deadline = self.milliseconds(&REQUEST_DEADLINE_MS);
        let role = self.role();
        let (vault, marks) = (self.vault(), self.marks(role, request_deadline));
        let services = Services {
            vault,
            sealed_keys: self.sealed_keys(&marks),
            key_release: self.key_release(),
            marks,
            role,
            request_deadline,
            embedded: self.embedded(),
            identity: self.identity(),
            instance: self.instance(),
        };
        if self.must_not_be_embedded() {
            let reason = "expected in Azure and under a Functions host: an instance there does not keep its disk, so the \
                       embedded vault and mark store are refused; on a laptop, `func start` sets \
                       AZURE_FUNCTIONS_ENVIRONMENT=Development, which allows them";
            if matches!(services.vault, VaultSettings::Embedded) && !self.is_set(&KEY_VAULT_URL) {
                self.wrong(&KEY_VAULT_URL, reason);
                if matches!(services.marks, MarkStoreSettings::Embedded) && !self.is_set(&COSMOS_ENDPOINT) {
                    self.wrong(&COSMOS_ENDPOINT, reason);
                }
            }
        }
        services
    }

    /// Keys in a vault may be used by other instances, so their marks must be in a database that all instances share. Together
    /// with a vault, an embedded store must be set explicitly, in a folder that does not depend on the working directory, and on
    /// a machine that keeps its disk.
    pub(super) fn require_database(&mut self, services: &Services) {
        let has_marks = self.is_set(&MARKS);
        let is_embedded = self.choice::<Embedded>(&MARKS).is_some();
        let has_vault = matches!(services.vault, VaultSettings::KeyVault(_));
        let has_database = self.is_set(&COSMOS_ENDPOINT);
        if is_embedded && has_database {
            self.wrong(&MARKS, "is embedded, but COSMOS_ENDPOINT is set: set only one of the two");
        } else if is_embedded && self.must_not_be_embedded() {
            let reason = "embedded is refused here: a Functions or App Service instance does not keep its disk; set \
                       COSMOS_ENDPOINT together with KEY_VAULT_URL";
            self.wrong(&MARKS, reason);
        } else if is_embedded && has_vault && !self.has_absolute_data_dir() {
            let reason = "expected an absolute path, since MARKS=embedded keeps the marks of the keys in KEY_VAULT_URL there: a \
                       relative one is another store in another working directory; or set COSMOS_ENDPOINT instead of MARKS";
            self.wrong(&LOCAL_DATA_DIR, reason);
        } else if !has_marks && has_vault && !has_database {
            let reason = "expected, since KEY_VAULT_URL is set: without a shared database, two instances could sign different \
                       data; for a single signer, MARKS=embedded with an absolute LOCAL_DATA_DIR keeps the marks in a file";
            self.wrong(&COSMOS_ENDPOINT, reason);
        }
    }

    fn has_absolute_data_dir(&self) -> bool {
        self.text(&LOCAL_DATA_DIR).is_some_and(|path| Path::new(&path).is_absolute())
    }

    fn vault(&mut self) -> VaultSettings {
        let url: Option<VaultUrl> = self.parsed_with_reason(&KEY_VAULT_URL);
        let keys = self.list::<KeyIdentifier>(&SIGNING_KEYS);
        let tag = self.parsed_with_reason(&SIGNING_KEY_TAG);
        let hedge_after = self.hedge_after(&VAULT_HEDGE_MS);
        let idle_after = self.seconds(&VAULT_IDLE_SECONDS);
        if let Some(url) = &url {
            for entry in self.text(&SIGNING_KEYS).iter().flat_map(|text| text.split(',')) {
                if let Ok(entry) = Url::parse(entry.trim())
                    && entry.host() != url.as_url().host()
                {
                    self.wrong(
                        &SIGNING_KEYS,
                        format!("expected keys of {url}, not of {}", entry.host_str().unwrap_or("-")),
                    );
                }
            }
        }
        if let Some(url) = url {
            return VaultSettings::KeyVault(Box::new(KeyVaultSettings {
                url,
                keys,
                tag,
                hedge_after,
                idle_after,
                answer_timeout: ANSWER_TIMEOUT,
            }));
        }
        let others = [
            self.name_if_set(&SIGNING_KEYS),
            self.name_if_set(&SIGNING_KEY_TAG),
            self.name_if_set(&VAULT_HEDGE_MS),
            self.name_if_set(&VAULT_IDLE_SECONDS),
        ];
        self.expect_with(&KEY_VAULT_URL, &others);
        VaultSettings::Embedded
    }

    /// If a call is unanswered after the default time, its connection is dead or the service is slow: no setting delays the hedged
    /// call any longer.
    fn hedge_after(&mut self, setting: &Setting<Milliseconds>) -> Duration {
        let max = Duration::from_millis(setting.values.default);
        match self.milliseconds(setting).min(max) {
            Duration::ZERO => max,
            hedge_after => hedge_after,
        }
    }

    fn role(&mut self) -> StoreRole {
        if self.choice(&OBSERVE).unwrap_or(false) { StoreRole::Observing } else { StoreRole::Signing }
    }

    fn marks(&mut self, role: StoreRole, request_deadline: Duration) -> MarkStoreSettings {
        const EXPECTED: &str = "expected https://<account>.documents.azure.com/";
        let endpoint = self.text(&COSMOS_ENDPOINT).and_then(|text| {
            let url = Url::parse(&text).ok().filter(|url| {
                url.scheme() == "https"
                    && url.path() == "/"
                    && (url.query(), url.fragment(), url.password()) == (None, None, None)
                    && url.username().is_empty()
            });
            if url.is_none() {
                let reason = if text.contains("://") { "" } else { "https:// is missing: " };
                self.wrong(&COSMOS_ENDPOINT, format!("{reason}{EXPECTED}"));
            }
            url
        });
        let database = self.resource_name(&COSMOS_DATABASE);
        let container = self.resource_name(&COSMOS_CONTAINER);
        let allow_weak_consistency = self.choice(&ALLOW_WEAK_CONSISTENCY).unwrap_or(false);
        let region = self.text(&REGION_NAME);
        let hedge_after = self.hedge_after(&STORE_HEDGE_MS);
        if let Some(endpoint) = endpoint {
            let settings = CosmosSettings {
                endpoint,
                database,
                container,
                role,
                allow_weak_consistency,
                region,
                hedge_after,
                request_deadline,
            };
            return MarkStoreSettings::Cosmos(settings);
        }
        // With a vault, a missing database is reported as such.
        if !self.is_set(&KEY_VAULT_URL) || self.is_set(&MARKS) {
            let others = [
                self.name_if_set(&COSMOS_DATABASE),
                self.name_if_set(&COSMOS_CONTAINER),
                self.name_if_set(&STORE_HEDGE_MS),
                self.name_if_set(&ALLOW_WEAK_CONSISTENCY),
            ];
            self.expect_with(&COSMOS_ENDPOINT, &others);
        }
        MarkStoreSettings::Embedded
    }

    /// The name of a database or container, by the rules of Cosmos DB. It becomes a segment of a URL's path, so `..` is
    /// invalid, too.
    pub(super) fn resource_name(&mut self, setting: &Setting<Text>) -> String {
        const MAX_LENGTH: usize = 255;
        let Some(text) = self.text(setting) else { return setting.values.default.unwrap_or_default().to_owned() };
        let is_dots = matches!(text.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        let is_refused = |c: char| matches!(c, '/' | '\\' | '#' | '?') || c.is_control();
        if text.is_empty() || is_dots || text.chars().count() > MAX_LENGTH || text.contains(is_refused) {
            let shown: String = text.chars().take(64).collect();
            self.wrong(
                setting,
                format!(
                    "{shown:?}: expected a name of 1 to {MAX_LENGTH} characters without /, \\, # and ?, and not . or .."
                ),
            );
        }
        text
    }

    /// A setting that only makes sense with another one shows that the other was forgotten or misspelt. Continuing with the
    /// embedded default would lose the marks.
    pub(super) fn expect_with<V>(&mut self, setting: &Setting<V>, others: &[Option<&str>]) {
        if !self.is_set(setting)
            && let Some(other) = others.iter().flatten().next()
        {
            self.wrong(setting, format!("expected, since {other} is set"));
        }
    }

    pub(super) fn name_if_set<V>(&self, setting: &Setting<V>) -> Option<&'static str> {
        self.is_set(setting).then_some(setting.name)
    }

    /// The platform's name for the instance or else the host name, and the process id.
    fn instance(&self) -> String {
        let machine = self.text(&WEBSITE_INSTANCE_ID).or_else(|| self.text(&WEBSITE_POD_NAME));
        let machine = machine.or_else(|| {
            let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
            Some(name.trim().to_owned())
        });
        format!("{}/{}", machine.unwrap_or_else(|| "unknown".to_owned()), std::process::id())
    }

    fn embedded(&mut self) -> EmbeddedSettings {
        const FILE: Setting<FilePath> = LOCAL_VAULT_PASSPHRASE_FILE;
        let default = LOCAL_DATA_DIR.values.default.unwrap_or_default();
        let data_dir = self.path(&LOCAL_DATA_DIR).unwrap_or_else(|| default.to_owned()).into();
        let text = match (self.untrimmed(&LOCAL_VAULT_PASSPHRASE), self.path(&FILE)) {
            (Some(_), Some(_)) => {
                self.wrong_together(&LOCAL_VAULT_PASSPHRASE, &FILE);
                None
            }
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => {
                    self.wrong(&FILE, format!("{path}: {error}; expected a file with the passphrase"));
                    None
                }
            },
            (inline, None) => inline,
        };
        if text.as_deref() == Some("") {
            self.wrong(&FILE, "the file is empty; expected a passphrase");
        }
        EmbeddedSettings { data_dir, passphrase: text.map(SecretString::from) }
    }

    /// Whether the disk is lost with the instance. The platform sets a name for each instance, regardless of app settings. It
    /// also sets the name of the site, and a Functions host sets the port to listen on, on the platform or elsewhere (in a
    /// Kubernetes container, for example). `func start` on a laptop sets these two as well, but also declares that it is for
    /// development.
    fn must_not_be_embedded(&self) -> bool {
        let is_hosted =
            functions_host::is_present(|_| self.text(&FUNCTIONS_CUSTOMHANDLER_PORT)) || self.is_set(&WEBSITE_SITE_NAME);
        self.is_instance() || (is_hosted && !self.is_development())
    }

    /// Whether all requests come through the front end of App Service: the signer listens for the Functions host alone, on an
    /// instance of the platform.
    pub(super) fn is_behind_platform(&self) -> bool {
        functions_host::is_present(|_| self.text(&FUNCTIONS_CUSTOMHANDLER_PORT))
            && self.is_instance()
            && !self.is_development()
    }

    fn is_instance(&self) -> bool {
        self.is_set(&WEBSITE_INSTANCE_ID) || self.is_set(&WEBSITE_POD_NAME)
    }

    fn is_development(&self) -> bool {
        self.text(&AZURE_FUNCTIONS_ENVIRONMENT).as_deref() == Some("Development")
    }
}
