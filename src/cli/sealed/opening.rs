//! How the commands open sealed keys: with a recovery key, or with a vault.

use super::super::CommandError;
use super::inputs::read_recovery_key;
use super::location::{InAzure, deadline};
use azurehsm_signer::tezos::SecretKey;
use azurehsm_signer::vault::sealed::{RecipientVaults, SealedKey};
use std::path::PathBuf;
use std::sync::Arc;

/// What opens a key.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Opening {
    /// File with the private part of a recovery key, in PEM; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "unwrap")]
    recovery_key: Option<PathBuf>,
    /// Opens the key with a recipient's vault instead of a recovery key: your identity needs unwrap there for that time
    #[arg(long)]
    unwrap: bool,
}

impl Opening {
    pub(super) const fn with_recovery_key(file: PathBuf) -> Self {
        Self { recovery_key: Some(file), unwrap: false }
    }

    /// Opens the key and tries it; `None` if no way to open it is given.
    pub(super) async fn open(&self, azure: &InAzure, key: &SealedKey) -> Result<Option<SecretKey>, CommandError> {
        if self.unwrap {
            let (services, azure) = azure.get()?;
            let key_release = services.key_release.clone();
            let vaults = RecipientVaults::new(Arc::clone(&azure.tokens), azure.roots.clone(), key_release);
            return Ok(Some(vaults.open(key, deadline()).await?));
        }
        let Some(file) = &self.recovery_key else { return Ok(None) };
        let data_key = read_recovery_key(file)?.unwrap_data_key(key)?;
        Ok(Some(key.open_and_try(&data_key)?))
    }

    /// The same, where a way to open it is required.
    pub(super) async fn must_open(&self, azure: &InAzure, key: &SealedKey) -> Result<SecretKey, CommandError> {
        let opened = self.open(azure, key).await?;
        Ok(opened.ok_or("expected --recovery-key or --unwrap")?)
    }
}
