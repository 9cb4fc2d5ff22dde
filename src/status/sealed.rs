//! The sealed keys, as they are stored: none is opened.

use super::{Condition, READ_TIMEOUT, SealedKeys, State};
use crate::settings::{SealedKeysSettings, Services};
use crate::tezos::PublicKeyHash;
use crate::vault::sealed::{SealedKeySource, Survey};
use crate::wiring::{Azure, sealed_key_sources};
use std::sync::Arc;
use tokio::time::Instant;

/// Where sealed keys are stored.
pub(super) struct SealedSource {
    address: String,
    /// The folder, the container, or both; or why they cannot be read.
    sources: Result<Vec<Arc<dyn SealedKeySource>>, String>,
}

impl SealedSource {
    /// `None` if neither a folder nor a container is set.
    pub(super) fn new(services: &Services, azure: impl FnOnce() -> Result<Arc<Azure>, String>) -> Option<Self> {
        if services.sealed_keys.is_empty() {
            return None;
        }
        let sources = azure().map(|azure| sealed_key_sources(services, &azure));
        Some(Self { address: address_of(&services.sealed_keys), sources })
    }

    /// Reads them, and returns their addresses, too.
    pub(super) async fn read(&self) -> (SealedKeys, Vec<PublicKeyHash>) {
        let address = self.address.clone();
        let sources = match &self.sources {
            Ok(sources) => sources,
            Err(reason) => {
                return (SealedKeys { address, condition: Condition::unknown(reason), keys: None }, Vec::new());
            }
        };
        let survey = Survey::of(sources, Instant::now() + READ_TIMEOUT).await;
        let keys = survey.unread.is_empty().then_some(survey.keys.len());
        (SealedKeys { address, condition: condition_of(&survey), keys }, survey.hashes())
    }
}

fn address_of(settings: &SealedKeysSettings) -> String {
    let folder = settings.folder.as_ref().map(|path| path.display().to_string());
    let container = settings.container.as_ref().map(|settings| settings.name().to_string());
    folder.into_iter().chain(container).collect::<Vec<_>>().join(", ")
}

fn condition_of(survey: &Survey) -> Condition {
    let twice = survey.keys.iter().find_map(|key| Some(format!("{}: {}", key.location, key.problem(None)?)));
    match (survey.unread.first(), survey.unusable.first().cloned().or(twice)) {
        (Some(reason), _) => Condition::unknown(reason),
        (None, Some(problem)) => Condition::of(State::Failed, problem),
        (None, None) => Condition::OK,
    }
}
