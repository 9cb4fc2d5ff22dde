//! `marks store`: prints the identity of the mark store in use.

use super::super::{CommandError, print_line};
use azurehsm_signer::marks::cosmos::Inspection;
use azurehsm_signer::marks::{EmbeddedMarkStore, MarkStore, StoreIdentity};
use azurehsm_signer::settings::{MarkStoreSettings, MarksSettings};
use azurehsm_signer::wiring::Azure;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct Identified<'a> {
    #[serde(flatten)]
    identity: &'a StoreIdentity,
    digest: String,
}

/// Prints the identity and its digest, as text or as one JSON object.
pub(super) async fn show(settings: &MarksSettings, as_json: bool) -> Result<(), CommandError> {
    let identity = &read(settings).await?;
    let digest = identity.digest().to_string();
    print_line(&if as_json {
        serde_json::to_string(&Identified { identity, digest })?
    } else {
        format!("{identity}\ndigest     {digest}")
    })
}

async fn read(settings: &MarksSettings) -> Result<StoreIdentity, CommandError> {
    if let MarkStoreSettings::Cosmos(cosmos) = &settings.services.marks {
        let azure = Azure::prepare(&settings.services)?;
        let inspection = Inspection::new(cosmos.clone(), Arc::clone(&azure.tokens), &azure.roots)?;
        return Ok(inspection.identity().await.map_err(|error| error.log().to_owned())?);
    }
    let file = settings.services.embedded.marks_file();
    let Some(store) = EmbeddedMarkStore::open_to_read(&file)? else {
        return Err(format!("there is no mark store: {} does not exist", file.display()).into());
    };
    Ok(store.identity().ok_or_else(|| {
        format!(
            "{} was written by an earlier version and has no identity yet: it gets one at the next start of the signer",
            file.display()
        )
    })?)
}
