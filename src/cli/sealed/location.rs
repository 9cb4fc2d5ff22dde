//! Where the commands find sealed keys: in a folder, or in the container of the signer.

use super::super::{CommandError, variable, variable_names, wrong_settings};
use azurehsm_signer::settings::Services;
use azurehsm_signer::vault::sealed::{Container, Folder, SealedKeyStore};
use azurehsm_signer::wiring::Azure;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// How long a command waits for the database or a vault.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The deadline of a call that begins now.
pub(super) fn deadline() -> Instant {
    Instant::now() + TIMEOUT
}

/// Where the sealed keys are.
#[derive(clap::Args)]
pub(crate) struct Location {
    /// Folder of the sealed keys
    #[arg(long, value_name = "FOLDER", default_value = "sealed")]
    folder: PathBuf,
    /// Works on the container `SEALED_KEYS_CONTAINER` in Cosmos DB instead, with the signer's settings and your own identity
    #[arg(long, conflicts_with = "folder")]
    cosmos: bool,
}

impl Location {
    /// Calls no service yet.
    pub(super) fn open(self, azure: &InAzure) -> Result<Box<dyn SealedKeyStore>, CommandError> {
        if !self.cosmos {
            return Ok(Box::new(Folder::new(self.folder)));
        }
        let (services, azure) = azure.get()?;
        let container = services.sealed_keys.container.clone();
        let container = container.ok_or("SEALED_KEYS_CONTAINER: expected, since --cosmos is given")?;
        Ok(Box::new(Container::new(container, Arc::clone(&azure.tokens))))
    }
}

/// The settings and the identity of this process, read when they are first needed: on an offline machine, they are not.
#[derive(Default)]
pub(crate) struct InAzure(OnceLock<(Services, Azure)>);

impl InAzure {
    pub(super) fn get(&self) -> Result<&(Services, Azure), CommandError> {
        if let Some(prepared) = self.0.get() {
            return Ok(prepared);
        }
        let services = Services::read_for_keys(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
        let azure = Azure::prepare(&services)?;
        Ok(self.0.get_or_init(|| (services, azure)))
    }
}
