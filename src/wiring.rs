//! Creates the services selected by the settings: the vault and the mark store, in Azure or embedded.

use crate::azure::{NoCertificates, TlsRoots, Tokens};
use crate::marks::{CosmosMarkStore, EmbeddedMarkStore, MarkStore, OpenError};
use crate::settings::{EmbeddedSettings, MarkStoreSettings, SealedKeysSettings, Services, VaultSettings};
use crate::tezos::{Curve, SecretKey, SecretKeyError};
use crate::vault::embedded::{InvalidKeyName, KeyFile, KeyFileError};
use crate::vault::sealed::{
    Container, Folder, KeyReleaseSettings, RecipientVaults, SealedKeySource, Survey, WithSealedKeys,
};
use crate::vault::{EmbeddedVault, KeyVault, Vault};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::time::Instant;
use tracing::{info, warn};

/// How long commands wait for the list of sealed keys.
const SURVEY_TIMEOUT: Duration = Duration::from_secs(5);

/// Shared by all services in Azure.
pub struct Azure {
    /// The tokens of this process's identity.
    pub tokens: Arc<Tokens>,
    /// The CA certificates that every client trusts.
    pub roots: TlsRoots,
}

/// Why a service cannot be created.
#[derive(Debug, Error)]
pub enum WiringError {
    /// No server's certificate can be verified.
    #[error(transparent)]
    Certificates(#[from] NoCertificates),
    /// The HTTP client for the identity endpoint or the database cannot be created.
    #[error(transparent)]
    HttpClient(#[from] reqwest::Error),
    /// The client for the vault cannot be created.
    #[error(transparent)]
    VaultClient(#[from] azure_core::Error),
    /// The data folder cannot be created.
    #[error("LOCAL_DATA_DIR: {0}")]
    DataDir(#[source] KeyFileError),
    /// The embedded mark store cannot be opened.
    #[error(transparent)]
    Marks(#[from] OpenError),
    /// The key file cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The name of the first key is invalid.
    #[error(transparent)]
    KeyName(#[from] InvalidKeyName),
    /// The first key cannot be generated.
    #[error(transparent)]
    Generate(#[from] SecretKeyError),
    /// The settings select a service in Azure, but [`Azure`] is missing. The embedded service must not replace it: it has other
    /// marks.
    #[error("a service in Azure is selected, but Azure has not been prepared")]
    NotPrepared,
}

impl Azure {
    /// Sends no requests: it fails only if this machine is misconfigured.
    ///
    /// # Errors
    /// [`WiringError`] without CA certificates, or if the HTTP client cannot be created.
    pub fn prepare(services: &Services) -> Result<Self, WiringError> {
        let roots = TlsRoots::read()?;
        let tokens = Tokens::new(services.identity.clone(), &roots)?;
        Ok(Self { tokens, roots })
    }
}

/// Creates the data folder if it does not exist.
///
/// # Errors
/// [`WiringError::DataDir`]
pub fn make_data_dir(path: &Path) -> Result<(), WiringError> {
    KeyFile::make_folder(path).map_err(WiringError::DataDir)
}

/// Opens the mark store. Call this before [`open_vault`]: the lock of the embedded store stops a second signer on the same
/// folder before it touches anything. `lock_timeout` is how long to wait for that lock.
///
/// # Errors
/// [`WiringError`]
pub async fn open_marks(
    services: &Services,
    azure: Option<&Azure>,
    lock_timeout: Option<Duration>,
) -> Result<Arc<dyn MarkStore>, WiringError> {
    if let MarkStoreSettings::Cosmos(settings) = &services.marks {
        let azure = azure.ok_or(WiringError::NotPrepared)?;
        return Ok(Arc::new(CosmosMarkStore::start(settings.clone(), Arc::clone(&azure.tokens), &azure.roots)?));
    }
    make_data_dir(&services.embedded.data_dir)?;
    let marks = services.embedded.marks_file();
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
            "MARKS=embedded: marks are in a local file, keys in a vault. No other signer may use these keys. Set \
             COSMOS_ENDPOINT to use several signers"
        );
    }
    Ok(Arc::new(match lock_timeout {
        Some(timeout) => EmbeddedMarkStore::open_when_free(&marks, services.role, timeout).await?,
        None => EmbeddedMarkStore::open(&marks, services.role)?,
    }))
}

/// Opens the vault.
///
/// # Errors
/// [`WiringError`]
pub fn open_vault(services: &Services, azure: Option<&Azure>) -> Result<Arc<dyn Vault>, WiringError> {
    let VaultSettings::KeyVault(settings) = &services.vault else {
        return Ok(Arc::new(open_embedded_vault(&services.embedded)?));
    };
    let azure = azure.ok_or(WiringError::NotPrepared)?;
    info!(event = "key_vault_used", url = %settings.url, "keys are in a vault");
    Ok(Arc::new(KeyVault::new(settings.as_ref().clone(), Arc::clone(&azure.tokens), azure.roots.clone())?))
}

/// Adds the sealed keys, if there is a folder or a container for them. Their marks are in `store`.
///
/// # Errors
/// [`WiringError::NotPrepared`]
pub fn with_sealed_keys(
    services: &Services,
    azure: Option<&Azure>,
    vault: Arc<dyn Vault>,
    store: &Arc<dyn MarkStore>,
) -> Result<Arc<dyn Vault>, WiringError> {
    if services.sealed_keys.is_empty() {
        return Ok(vault);
    }
    let azure = azure.ok_or(WiringError::NotPrepared)?;
    let SealedKeysSettings { folder, container } = &services.sealed_keys;
    info!(
        event = "sealed_keys_used",
        path = folder.as_ref().map(|path| tracing::field::display(path.display())),
        container = container.as_ref().map(|settings| &settings.container),
        "sealed keys are served"
    );
    if let Some(KeyReleaseSettings { sidecar, attestation }) = &services.key_release {
        info!(event = "key_release_used", url = %sidecar, %attestation, "keys are released to this container");
    }
    let sources = sealed_key_sources(services, azure);
    let recipients = RecipientVaults::new(Arc::clone(&azure.tokens), azure.roots.clone(), services.key_release.clone());
    Ok(Arc::new(WithSealedKeys::new(vault, sources, recipients, Arc::clone(store))))
}

/// Where sealed keys are stored: the folder, the container, or both.
pub fn sealed_key_sources(services: &Services, azure: &Azure) -> Vec<Arc<dyn SealedKeySource>> {
    let SealedKeysSettings { folder, container } = &services.sealed_keys;
    let folder = folder.clone().map(|path| Arc::new(Folder::new(path)) as Arc<dyn SealedKeySource>);
    let container = container
        .clone()
        .map(|settings| Arc::new(Container::new(settings, Arc::clone(&azure.tokens))) as Arc<dyn SealedKeySource>);
    folder.into_iter().chain(container).collect()
}

/// All sealed keys as they are stored, for commands.
///
/// # Errors
/// [`WiringError`]
pub async fn survey_sealed_keys(services: &Services) -> Result<Survey, WiringError> {
    if services.sealed_keys.is_empty() {
        return Ok(Survey::default());
    }
    let sources = sealed_key_sources(services, &Azure::prepare(services)?);
    Ok(Survey::of(&sources, Instant::now() + SURVEY_TIMEOUT).await)
}

/// Opens the embedded vault. If it does not exist, creates it with one key, so that a first signature can be tried at once.
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
        "local vault: keys are in a file and in memory. Use it for development and test networks, not for mainnet stake"
    );
    Ok(EmbeddedVault::open(file)?)
}
