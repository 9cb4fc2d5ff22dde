//! Makes the services that the settings name: the vault and the mark store, in Azure or embedded.

use crate::azure::{NoCertificates, TlsRoots, Tokens};
use crate::background::keep_running;
use crate::marks::{CosmosMarkStore, EmbeddedMarkStore, MarkStore, OpenError};
use crate::settings::{EmbeddedSettings, MarkStoreSettings, Services, VaultSettings};
use crate::tezos::{Curve, SecretKey, SecretKeyError};
use crate::vault::embedded::{InvalidKeyName, KeyFile, KeyFileError};
use crate::vault::{EmbeddedVault, KeyVault, Vault};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tracing::{info, warn};

/// What all services in Azure share.
pub struct Azure {
    /// The tokens of this process's identity.
    pub tokens: Arc<Tokens>,
    /// The certificates that every client trusts.
    pub roots: TlsRoots,
}

/// Why a service cannot be made.
#[derive(Debug, Error)]
pub enum WiringError {
    /// No client can verify a server's certificate.
    #[error(transparent)]
    Certificates(#[from] NoCertificates),
    /// No HTTP client for the identity endpoint or the database.
    #[error(transparent)]
    HttpClient(#[from] reqwest::Error),
    /// No client for the vault.
    #[error(transparent)]
    VaultClient(#[from] azure_core::Error),
    /// The data folder cannot be made.
    #[error("LOCAL_DATA_DIR: {0}")]
    DataDir(#[source] KeyFileError),
    /// The embedded mark store cannot be opened.
    #[error(transparent)]
    Marks(#[from] OpenError),
    /// The key file cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The first key cannot be named.
    #[error(transparent)]
    KeyName(#[from] InvalidKeyName),
    /// The first key cannot be generated.
    #[error(transparent)]
    Generate(#[from] SecretKeyError),
    /// A service in Azure is never replaced by the embedded one, whose marks are others.
    #[error("a service in Azure was not prepared")]
    NotPrepared,
}

impl Azure {
    /// Sends no request, so it fails only where this machine is set up wrong.
    ///
    /// # Errors
    /// [`WiringError`] without certificates, or if no HTTP client can be made.
    pub fn prepare(services: &Services) -> Result<Self, WiringError> {
        let roots = TlsRoots::read()?;
        let tokens = Tokens::new(services.identity.clone(), &roots)?;
        Ok(Self { tokens, roots })
    }
}

/// Makes the data folder if it does not exist.
///
/// # Errors
/// [`WiringError::DataDir`]
pub fn make_data_dir(path: &Path) -> Result<(), WiringError> {
    KeyFile::make_folder(path).map_err(WiringError::DataDir)
}

/// The mark store. Opened before the vault, since an embedded one is where a second signer on the same folder stops, before
/// it touches anything. `patience` is for how long to wait while another process has an embedded one.
///
/// # Errors
/// [`WiringError`]
pub async fn open_marks(
    services: &Services,
    azure: Option<&Azure>,
    patience: Option<Duration>,
) -> Result<Arc<dyn MarkStore>, WiringError> {
    if let MarkStoreSettings::Cosmos(settings) = &services.marks {
        let azure = azure.ok_or(WiringError::NotPrepared)?;
        return Ok(Arc::new(CosmosMarkStore::start(settings.clone(), Arc::clone(&azure.tokens), &azure.roots)?));
    }
    make_data_dir(&services.embedded.data_dir)?;
    let marks = services.embedded.data_dir.join("marks.redb");
    if !marks.exists() && !marks.is_symlink() {
        info!(
            event = "mark_store_new",
            path = %marks.display(),
            "no marks yet: a key that has signed elsewhere needs its marks first (azurehsm-signer marks import or raise)"
        );
    }
    if matches!(services.vault, VaultSettings::KeyVault(_)) {
        warn!(
            event = "embedded_marks",
            path = %marks.display(),
            "MARKS=embedded: marks are in a local file, keys in a vault. No other signer may use these keys; with \
             COSMOS_ENDPOINT, several can"
        );
    }
    Ok(Arc::new(match patience {
        Some(patience) => EmbeddedMarkStore::open_when_free(&marks, patience).await?,
        None => EmbeddedMarkStore::open(&marks)?,
    }))
}

/// The vault. A task keeps its connection warm, if it is in Azure.
///
/// # Errors
/// [`WiringError`]
pub fn open_vault(services: &Services, azure: Option<&Azure>) -> Result<Arc<dyn Vault>, WiringError> {
    let VaultSettings::KeyVault(settings) = &services.vault else {
        return Ok(Arc::new(open_embedded_vault(&services.embedded)?));
    };
    let azure = azure.ok_or(WiringError::NotPrepared)?;
    info!(event = "key_vault_used", url = %settings.url, "keys are in a vault");
    let vault = Arc::new(KeyVault::new(settings.clone(), Arc::clone(&azure.tokens), azure.roots.clone())?);
    tokio::spawn({
        let vault = Arc::clone(&vault);
        keep_running("warm connection to the vault", move || {
            let vault = Arc::clone(&vault);
            async move { vault.keep_warm().await }
        })
    });
    Ok(vault)
}

/// The embedded vault. When there is none yet, a first key is made, so that there is something to sign with.
fn open_embedded_vault(settings: &EmbeddedSettings) -> Result<EmbeddedVault, WiringError> {
    make_data_dir(&settings.data_dir)?;
    let file = KeyFile::open(&settings.data_dir, settings.passphrase.clone())?;
    if !file.exists() {
        file.add("first".parse()?, SecretKey::generate(Curve::P256)?)?;
        info!(event = "key_created", path = %file.path().display(), "no keys yet: created one");
    }
    warn!(
        event = "embedded_vault",
        path = %file.path().display(),
        encrypted = settings.passphrase.is_some(),
        "local vault: keys are in a file and in memory. For development and test networks, not for mainnet stake"
    );
    Ok(EmbeddedVault::open(file)?)
}
