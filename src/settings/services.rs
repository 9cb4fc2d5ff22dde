use super::reader::Reader;
use super::{SettingsError, defaults};
use crate::azure::IdentitySettings;
use crate::functions_host;
use crate::marks::CosmosSettings;
use crate::vault::key_vault::{ANSWER_TIMEOUT, KeyIdentifier, KeyVaultSettings, VaultUrl};
use azure_core::http::Url;
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Where keys and marks are, and who the process is there.
#[derive(Clone)]
pub struct Services {
    /// Where keys are.
    pub vault: VaultSettings,
    /// Where marks are.
    pub marks: MarkStoreSettings,
    /// The folder of whichever of the two is embedded.
    pub embedded: EmbeddedSettings,
    /// What the environment says of the process's identity in Azure.
    pub identity: IdentitySettings,
    /// What this process is called in the marks that it writes.
    pub instance: String,
    /// `REQUEST_DEADLINE_MS`: how long a request may take. Commands are as patient with each mark.
    pub request_deadline: Duration,
}

/// Where keys are.
#[derive(Clone)]
pub enum VaultSettings {
    /// In a file in `LOCAL_DATA_DIR`.
    Embedded,
    /// In Key Vault or Managed HSM.
    KeyVault(KeyVaultSettings),
}

/// Where marks are.
#[derive(Clone)]
pub enum MarkStoreSettings {
    /// In a file in `LOCAL_DATA_DIR`.
    Embedded,
    /// In Cosmos DB.
    Cosmos(CosmosSettings),
}

/// Where the embedded vault and mark store are.
#[derive(Clone)]
pub struct EmbeddedSettings {
    /// `LOCAL_DATA_DIR`.
    pub data_dir: PathBuf,
    /// `LOCAL_VAULT_PASSPHRASE`, or the contents of `LOCAL_VAULT_PASSPHRASE_FILE`.
    pub passphrase: Option<SecretString>,
}

impl Services {
    /// Reads what the commands on marks need. The rules are those of the signer's start, so that such a command never opens
    /// another mark store than the signer would. `names` are those of all variables that are set.
    ///
    /// # Errors
    /// [`SettingsError`], with all that is wrong.
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
    /// [`SettingsError`], with all that is wrong.
    pub fn read_for_keys(variable: impl Fn(&str) -> Option<String>, names: &[String]) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        reader.refuse_typos(names);
        let settings = reader.services();
        reader.finish(settings)
    }

    /// Whether anything of this is in Azure.
    pub const fn are_in_azure(&self) -> bool {
        matches!(self.vault, VaultSettings::KeyVault(_)) || matches!(self.marks, MarkStoreSettings::Cosmos(_))
    }
}

const KEY_VAULT_URL: &str = "KEY_VAULT_URL";
const COSMOS_ENDPOINT: &str = "COSMOS_ENDPOINT";
const MARKS: &str = "MARKS";
const LOCAL_DATA_DIR: &str = "LOCAL_DATA_DIR";

/// The only value of `MARKS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Embedded;

impl FromStr for Embedded {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "embedded" { Ok(Self) } else { Err(()) }
    }
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn services(&mut self) -> Services {
        let request_deadline = self.milliseconds("REQUEST_DEADLINE_MS", defaults::REQUEST_DEADLINE_MS, 10..=60_000);
        let services = Services {
            vault: self.vault(),
            marks: self.marks(request_deadline),
            request_deadline,
            embedded: self.embedded(),
            identity: IdentitySettings {
                has_endpoint: self.text("IDENTITY_ENDPOINT").is_some() && self.text("IDENTITY_HEADER").is_some(),
                has_federated_token: self.path("AZURE_FEDERATED_TOKEN_FILE").is_some(),
                client_id: self.text("AZURE_CLIENT_ID"),
            },
            instance: self.instance(),
        };
        if self.must_not_be_embedded() {
            let why = "expected in Azure and under a Functions host: an instance there does not keep its disk, so the \
                       embedded vault and mark store are refused; on a laptop, `func start` sets \
                       AZURE_FUNCTIONS_ENVIRONMENT=Development, which allows them";
            if matches!(services.vault, VaultSettings::Embedded) && self.text(KEY_VAULT_URL).is_none() {
                self.wrong(KEY_VAULT_URL, why);
                if matches!(services.marks, MarkStoreSettings::Embedded) && self.text(COSMOS_ENDPOINT).is_none() {
                    self.wrong(COSMOS_ENDPOINT, why);
                }
            }
        }
        services
    }

    /// Keys in a vault may be used by other instances, so their marks must be where all of these see them. An embedded store
    /// beside a vault has to be asked for by name, in a folder that does not depend on where the program is started, and on
    /// a machine that keeps its disk.
    pub(super) fn require_database(&mut self, services: &Services) {
        let marks = self.text(MARKS);
        let is_embedded = self.parsed::<Embedded>(MARKS, "embedded, or no such setting").is_some();
        let has_vault = matches!(services.vault, VaultSettings::KeyVault(_));
        let has_database = self.text(COSMOS_ENDPOINT).is_some();
        if is_embedded && has_database {
            self.wrong(MARKS, "is embedded, and COSMOS_ENDPOINT is set too: set one of the two");
        } else if is_embedded && self.must_not_be_embedded() {
            let why = "embedded is refused here: a Functions or App Service instance does not keep its disk; set \
                       COSMOS_ENDPOINT beside KEY_VAULT_URL";
            self.wrong(MARKS, why);
        } else if is_embedded && has_vault && !self.has_absolute_data_dir() {
            let why = "expected an absolute path, since MARKS=embedded keeps the marks of the keys in KEY_VAULT_URL there: a \
                       relative one is another store in another working directory; or set COSMOS_ENDPOINT instead of MARKS";
            self.wrong(LOCAL_DATA_DIR, why);
        } else if marks.is_none() && has_vault && !has_database {
            let why = "expected, since KEY_VAULT_URL is set: without a shared database, two instances could sign different \
                       data; for a single signer, MARKS=embedded with an absolute LOCAL_DATA_DIR keeps the marks in a file";
            self.wrong(COSMOS_ENDPOINT, why);
        }
    }

    fn has_absolute_data_dir(&self) -> bool {
        self.text(LOCAL_DATA_DIR).is_some_and(|path| Path::new(&path).is_absolute())
    }

    fn vault(&mut self) -> VaultSettings {
        let url: Option<VaultUrl> = self.parsed_with_reason(KEY_VAULT_URL);
        let keys = self.list::<KeyIdentifier>("SIGNING_KEYS");
        let tag = self.parsed_with_reason("SIGNING_KEY_TAG");
        let hedge_after = self.hedge_after("VAULT_HEDGE_MS", defaults::VAULT_HEDGE_MS);
        if let Some(url) = &url {
            for entry in self.text("SIGNING_KEYS").iter().flat_map(|text| text.split(',')) {
                if let Ok(entry) = Url::parse(entry.trim())
                    && entry.host() != url.as_url().host()
                {
                    self.wrong(
                        "SIGNING_KEYS",
                        format!("expected keys of {url}, not of {}", entry.host_str().unwrap_or("-")),
                    );
                }
            }
        }
        if let Some(url) = url {
            return VaultSettings::KeyVault(KeyVaultSettings {
                url,
                keys,
                tag,
                hedge_after,
                answer_timeout: ANSWER_TIMEOUT,
            });
        }
        self.expect_with(KEY_VAULT_URL, &["SIGNING_KEYS", "SIGNING_KEY_TAG", "VAULT_HEDGE_MS"]);
        VaultSettings::Embedded
    }

    /// A call that has not been answered for the default time is on a dead connection, or the service is slow: no setting
    /// makes another call wait longer.
    fn hedge_after(&mut self, name: &'static str, default: u64) -> Duration {
        let longest = Duration::from_millis(default);
        match self.milliseconds(name, default, 0..=10_000).min(longest) {
            Duration::ZERO => longest,
            hedge_after => hedge_after,
        }
    }

    fn marks(&mut self, request_deadline: Duration) -> MarkStoreSettings {
        const EXPECTED: &str = "expected https://<account>.documents.azure.com/";
        let endpoint = self.text(COSMOS_ENDPOINT).and_then(|text| {
            let url = Url::parse(&text).ok().filter(|url| {
                url.scheme() == "https"
                    && url.path() == "/"
                    && (url.query(), url.fragment(), url.password()) == (None, None, None)
                    && url.username().is_empty()
            });
            if url.is_none() {
                let why = if text.contains("://") { "" } else { "has no https:// in front: " };
                self.wrong(COSMOS_ENDPOINT, format!("{why}{EXPECTED}"));
            }
            url
        });
        let database = self.resource_name("COSMOS_DATABASE", defaults::COSMOS_DATABASE);
        let container = self.resource_name("COSMOS_CONTAINER", defaults::COSMOS_CONTAINER);
        let allow_weak_consistency = self.parsed("ALLOW_WEAK_CONSISTENCY", "true or false").unwrap_or(false);
        let region = self.text("REGION_NAME");
        let hedge_after = self.hedge_after("STORE_HEDGE_MS", defaults::STORE_HEDGE_MS);
        if let Some(endpoint) = endpoint {
            let settings = CosmosSettings {
                endpoint,
                database,
                container,
                allow_weak_consistency,
                region,
                hedge_after,
                request_deadline,
            };
            return MarkStoreSettings::Cosmos(settings);
        }
        // Beside a vault, a missing database is reported as such.
        if self.text(KEY_VAULT_URL).is_none() || self.text(MARKS).is_some() {
            self.expect_with(
                COSMOS_ENDPOINT,
                &["COSMOS_DATABASE", "COSMOS_CONTAINER", "STORE_HEDGE_MS", "ALLOW_WEAK_CONSISTENCY"],
            );
        }
        MarkStoreSettings::Embedded
    }

    /// The name of a database or container, as Cosmos DB allows it. It becomes a segment of a URL's path, so `..` must not
    /// get through either.
    fn resource_name(&mut self, name: &'static str, default: &str) -> String {
        const MAX_LENGTH: usize = 255;
        let Some(text) = self.text(name) else { return default.to_owned() };
        let is_dots = matches!(text.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        let is_refused = |c: char| matches!(c, '/' | '\\' | '#' | '?') || c.is_control();
        if text.is_empty() || is_dots || text.chars().count() > MAX_LENGTH || text.contains(is_refused) {
            let shown: String = text.chars().take(64).collect();
            self.wrong(
                name,
                format!(
                    "{shown:?}: expected a name of 1 to {MAX_LENGTH} characters without /, \\, # and ?, and not . or .."
                ),
            );
        }
        text
    }

    /// A setting that makes sense with another one only says that the other was forgotten, or misspelt. To go on with the
    /// embedded default would be to forget what was signed.
    fn expect_with(&mut self, name: &'static str, others: &[&str]) {
        if self.text(name).is_none()
            && let Some(other) = others.iter().find(|other| self.text(other).is_some())
        {
            self.wrong(name, format!("expected, since {other} is set"));
        }
    }

    /// As the platform calls it, or the machine and the process.
    fn instance(&self) -> String {
        let machine = ["WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME"].iter().find_map(|name| self.text(name));
        let machine = machine.or_else(|| {
            let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
            Some(name.trim().to_owned())
        });
        format!("{}/{}", machine.unwrap_or_else(|| "unknown".to_owned()), std::process::id())
    }

    fn embedded(&mut self) -> EmbeddedSettings {
        const VALUE: &str = "LOCAL_VAULT_PASSPHRASE";
        const FILE: &str = "LOCAL_VAULT_PASSPHRASE_FILE";
        let data_dir = self.path(LOCAL_DATA_DIR).unwrap_or_else(|| defaults::LOCAL_DATA_DIR.to_owned()).into();
        let inline = (self.variable)(VALUE).filter(|value| !value.is_empty());
        let text = match (inline, self.path(FILE)) {
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
        EmbeddedSettings { data_dir, passphrase: text.map(SecretString::from) }
    }

    /// Whether what is on the disk is lost with the instance. The platform names its instances, whatever an app setting says.
    /// It names the site too, and a host names the port to listen on, with or without the platform around it (in a container
    /// of Kubernetes, say); `func start` on a laptop does these two as well, but also declares that it is for development.
    fn must_not_be_embedded(&self) -> bool {
        let is_hosted = functions_host::is_present(|name| self.text(name)) || self.text("WEBSITE_SITE_NAME").is_some();
        self.is_instance() || (is_hosted && !self.is_development())
    }

    fn is_instance(&self) -> bool {
        self.text("WEBSITE_INSTANCE_ID").is_some() || self.text("WEBSITE_POD_NAME").is_some()
    }

    fn is_development(&self) -> bool {
        self.text("AZURE_FUNCTIONS_ENVIRONMENT").as_deref() == Some("Development")
    }
}
