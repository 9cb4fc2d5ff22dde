use super::reader::Reader;
use super::{SettingsError, defaults};
use crate::azure::IdentitySettings;
use crate::marks::CosmosSettings;
use crate::vault::key_vault::{KeyIdentifier, KeyVaultSettings, VaultUrl};
use age::secrecy::SecretString;
use azure_core::http::Url;
use std::path::PathBuf;
use std::time::Duration;

/// Where keys and marks are, and who the process is there.
#[derive(Clone)]
pub struct Services {
    /// Where keys are.
    pub vault: VaultSettings,
    /// Where marks are.
    pub marks: MarkStoreSettings,
    /// The folder of whichever of the two is embedded.
    pub local: LocalSettings,
    /// What the environment says of the process's identity in Azure.
    pub identity: IdentitySettings,
    /// What this process is called in the marks that it writes.
    pub instance: String,
}

/// Where keys are.
#[derive(Clone)]
pub enum VaultSettings {
    /// In a file in the local folder.
    Local,
    /// In Key Vault or Managed HSM.
    KeyVault(KeyVaultSettings),
}

/// Where marks are.
#[derive(Clone)]
pub enum MarkStoreSettings {
    /// In a file in the local folder.
    Local,
    /// In Cosmos DB.
    Cosmos(CosmosSettings),
}

/// Where the embedded vault and mark store are.
#[derive(Clone)]
pub struct LocalSettings {
    /// `LOCAL_DATA_DIR`.
    pub data_dir: PathBuf,
    /// `LOCAL_VAULT_PASSPHRASE`, or the contents of `LOCAL_VAULT_PASSPHRASE_FILE`.
    pub passphrase: Option<SecretString>,
}

impl Services {
    /// Reads what the commands on the vault and the marks need.
    ///
    /// # Errors
    /// [`SettingsError`], with all that is wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
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

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn services(&mut self) -> Services {
        let services = Services {
            vault: self.vault(),
            marks: self.marks(),
            local: self.local(),
            identity: IdentitySettings {
                has_endpoint: self.text("IDENTITY_ENDPOINT").is_some() && self.text("IDENTITY_HEADER").is_some(),
                has_federated_token: self.text("AZURE_FEDERATED_TOKEN_FILE").is_some(),
                client_id: self.text("AZURE_CLIENT_ID"),
            },
            instance: self.instance(),
        };
        if self.is_in_azure_functions() {
            let why = "expected in Azure: the embedded default does not outlive a Functions instance, and is refused; for \
                       `func start` on a laptop, AZURE_FUNCTIONS_ENVIRONMENT is Development";
            if matches!(services.vault, VaultSettings::Local) && self.text(KEY_VAULT_URL).is_none() {
                self.wrong(KEY_VAULT_URL, why);
            }
            if matches!(services.marks, MarkStoreSettings::Local) && self.text(COSMOS_ENDPOINT).is_none() {
                self.wrong(COSMOS_ENDPOINT, why);
            }
        }
        services
    }

    fn vault(&mut self) -> VaultSettings {
        let url: Option<VaultUrl> = self.parsed_with_reason(KEY_VAULT_URL);
        let keys = self.list::<KeyIdentifier>("SIGNING_KEYS");
        let tag = self.parsed_with_reason("SIGNING_KEY_TAG");
        let try_timeout = self.milliseconds("VAULT_TRY_TIMEOUT_MS", defaults::VAULT_TRY_TIMEOUT_MS, 50..=10_000);
        let hedge = self.milliseconds("VAULT_HEDGE_MS", 0, 0..=10_000);
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
            let hedge = (hedge > Duration::ZERO).then_some(hedge);
            return VaultSettings::KeyVault(KeyVaultSettings { url, keys, tag, try_timeout, hedge });
        }
        self.expect_with(KEY_VAULT_URL, &["SIGNING_KEYS", "SIGNING_KEY_TAG", "VAULT_TRY_TIMEOUT_MS", "VAULT_HEDGE_MS"]);
        VaultSettings::Local
    }

    fn marks(&mut self) -> MarkStoreSettings {
        const EXPECTED: &str = "expected https://<account>.documents.azure.com/";
        let endpoint = self.text(COSMOS_ENDPOINT).and_then(|text| {
            let url = Url::parse(&text).ok().filter(|url| {
                url.scheme() == "https"
                    && url.path() == "/"
                    && (url.query(), url.fragment(), url.password()) == (None, None, None)
                    && url.username().is_empty()
            });
            if url.is_none() {
                self.wrong(COSMOS_ENDPOINT, EXPECTED);
            }
            url
        });
        let name = |variable, default: &str| self.text(variable).unwrap_or_else(|| default.to_owned());
        let database = name("COSMOS_DATABASE", defaults::COSMOS_DATABASE);
        let container = name("COSMOS_CONTAINER", defaults::COSMOS_CONTAINER);
        let allow_weak_consistency = self.parsed("ALLOW_WEAK_CONSISTENCY", "true or false").unwrap_or(false);
        let region = self.text("REGION_NAME");
        let try_timeout = self.milliseconds("STORE_TRY_TIMEOUT_MS", defaults::STORE_TRY_TIMEOUT_MS, 100..=10_000);
        // Whether it can be read is told elsewhere.
        let deadline = self.text("REQUEST_DEADLINE_MS").and_then(|text| text.parse().ok());
        let patience = Duration::from_millis(deadline.unwrap_or(defaults::REQUEST_DEADLINE_MS)) * 3 / 4;
        if let Some(endpoint) = endpoint {
            let settings =
                CosmosSettings { endpoint, database, container, allow_weak_consistency, region, try_timeout, patience };
            return MarkStoreSettings::Cosmos(settings);
        }
        self.expect_with(
            COSMOS_ENDPOINT,
            &["COSMOS_DATABASE", "COSMOS_CONTAINER", "STORE_TRY_TIMEOUT_MS", "ALLOW_WEAK_CONSISTENCY"],
        );
        MarkStoreSettings::Local
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

    /// The platform names its instances, whatever an app setting says. It names the site too; `func start` on a laptop may
    /// do so as well, but says that it is for development.
    fn is_in_azure_functions(&self) -> bool {
        let is_instance = self.text("WEBSITE_INSTANCE_ID").is_some() || self.text("WEBSITE_POD_NAME").is_some();
        let is_development = self.text("AZURE_FUNCTIONS_ENVIRONMENT").as_deref() == Some("Development");
        is_instance || (self.text("WEBSITE_SITE_NAME").is_some() && !is_development)
    }
}
