use super::{Stopped, make_data_dir};
use azurehsm_signer::azure::{TlsRoots, Tokens};
use azurehsm_signer::background::keep_running;
use azurehsm_signer::marks::{CosmosMarkStore, LocalMarkStore, MarkStore};
use azurehsm_signer::settings::{LocalSettings, MarkStoreSettings, Services, VaultSettings};
use azurehsm_signer::tezos::{Curve, SecretKey};
use azurehsm_signer::vault::embedded::KeyFile;
use azurehsm_signer::vault::{KeyVault, LocalVault, Vault};
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// What all services in Azure share.
pub(super) struct Azure {
    pub(super) tokens: Arc<Tokens>,
    pub(super) roots: TlsRoots,
}

impl Azure {
    /// Nothing is asked yet, so nothing but a wrong set-up of the machine fails.
    pub(super) fn prepare(services: &Services) -> Result<Self, Stopped> {
        let roots = TlsRoots::read()?;
        let tokens = Tokens::new(services.identity.clone(), &roots)?;
        Ok(Self { tokens, roots })
    }
}

/// A service in Azure is never replaced by the embedded one, whose marks are others.
const NOT_PREPARED: &str = "a service in Azure was not prepared";

/// The mark store. Opened before the vault, since an embedded one is where a second signer on the same folder stops, before
/// it touches anything. `patience` is for how long to wait while another process has an embedded one.
pub(super) async fn open_marks(
    services: &Services,
    azure: Option<&Azure>,
    patience: Option<Duration>,
) -> Result<Arc<dyn MarkStore>, Stopped> {
    if let MarkStoreSettings::Cosmos(settings) = &services.marks {
        let azure = azure.ok_or(NOT_PREPARED)?;
        return Ok(Arc::new(CosmosMarkStore::start(settings.clone(), Arc::clone(&azure.tokens), &azure.roots)?));
    }
    make_data_dir(&services.local.data_dir)?;
    let marks = services.local.data_dir.join("marks.redb");
    if !marks.exists() && !marks.is_symlink() {
        info!(
            path = %marks.display(),
            "no marks yet: a key that has signed elsewhere needs its marks first (azurehsm-signer marks import or raise)"
        );
    }
    if matches!(services.vault, VaultSettings::KeyVault(_)) {
        warn!(
            path = %marks.display(),
            "MARKS=embedded: marks are in a local file, keys in a vault. No other signer may use these keys; with \
             COSMOS_ENDPOINT, several can"
        );
    }
    Ok(Arc::new(match patience {
        Some(patience) => LocalMarkStore::open_when_free(&marks, patience).await?,
        None => LocalMarkStore::open(&marks)?,
    }))
}

/// The vault; its task keeps it warm, where that is needed.
pub(super) fn open_vault(services: &Services, azure: Option<&Azure>) -> Result<Arc<dyn Vault>, Stopped> {
    let VaultSettings::KeyVault(settings) = &services.vault else {
        return Ok(Arc::new(open_local_vault(&services.local)?));
    };
    let azure = azure.ok_or(NOT_PREPARED)?;
    info!(url = %settings.url, "keys are in a vault");
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

/// The local vault. When there is none yet, a first key is made, so that there is something to sign with.
fn open_local_vault(settings: &LocalSettings) -> Result<LocalVault, Stopped> {
    make_data_dir(&settings.data_dir)?;
    let file = KeyFile::open(&settings.data_dir, settings.passphrase.clone())?;
    if !file.exists() {
        file.add("first".parse()?, SecretKey::generate(Curve::P256)?)?;
        info!(path = %file.path().display(), "made a key, since there was none");
    }
    warn!(
        path = %file.path().display(),
        encrypted = settings.passphrase.is_some(),
        "local vault: keys are in a file and in memory. For development and test networks, not for mainnet stake"
    );
    Ok(LocalVault::open(file)?)
}
