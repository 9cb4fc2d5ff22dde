//! The mark store in Cosmos DB: one item for each mark, shared by any number of instances.

pub mod account;
mod connection;
mod inspection;
mod item;
mod outcome;

pub use account::Unsuitable;
pub use inspection::Inspection;

use super::{Mark, MarkId, MarkStore, StoreError, Stored, Version, WriteError};
use crate::azure::{TlsRoots, Tokens, reason_of};
use crate::pauses::Pauses;
use async_trait::async_trait;
use azure_core::http::Url;
use azure_data_cosmos::ContainerClient;
use azure_data_cosmos::models::ItemResponse;
use azure_data_cosmos::options::{ItemWriteOptions, Precondition};
use connection::{Connection, State};
use item::Item;
use outcome::{Effect, Outcome};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Which container, and what is asked of its account.
#[derive(Debug, Clone)]
pub struct CosmosSettings {
    /// `COSMOS_ENDPOINT`.
    pub endpoint: Url,
    /// `COSMOS_DATABASE`.
    pub database: String,
    /// `COSMOS_CONTAINER`.
    pub container: String,
    /// `ALLOW_WEAK_CONSISTENCY`: any consistency will do, for test accounts in a single region.
    pub allow_weak_consistency: bool,
    /// `REGION_NAME`, as Azure sets it: where this process runs.
    pub region: Option<String>,
    /// `STORE_TRY_TIMEOUT_MS`: how long one request may take.
    pub try_timeout: Duration,
    /// How long reads, and writes that were surely not done, are tried again: less than the deadline of a request, so that
    /// it ends with the reason.
    pub patience: Duration,
}

/// Marks in a Cosmos DB container.
///
/// Point reads, creates, and replaces that carry the `ETag` of what was read: no other operation is used, so the role of
/// the service needs no other, and nothing here could lower or delete a mark. With strong consistency, an acknowledged
/// write is in all regions; with one write region, an `ETag` is a lock.
///
/// The SDK's own tries are off, as far as they can be: it would send an item again after a broken connection, and our own
/// write would come back to us as another's. What became of a write is always known here, or known to be unknown.
pub struct CosmosMarkStore {
    connection: Connection,
    patience: Duration,
}

impl CosmosMarkStore {
    /// A store that connects in the background, and checks the account there. Until that is done, who reads or writes
    /// waits; while it fails, they are told why at once.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub fn start(settings: CosmosSettings, tokens: Arc<Tokens>, roots: &TlsRoots) -> Result<Self, reqwest::Error> {
        Ok(Self { patience: settings.patience, connection: Connection::start(settings, tokens, roots)? })
    }

    /// After a request that was surely not done, or does nothing but read: whether it is worth another try, after a pause.
    async fn is_worth_another(&self, tries: &mut Tries, outcome: &Outcome) -> bool {
        if outcome.is_unauthorized {
            self.connection.renew_tokens();
        }
        let pause = tries.pauses.next(outcome.retry_after);
        if tries.start.elapsed() + pause >= self.patience {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }

    async fn container(&self) -> Result<Arc<ContainerClient>, StoreError> {
        match self.connection.state().await {
            State::Ready(container) => Ok(container),
            State::Connecting => Err(StoreError("it is not connected".to_owned())),
            State::Failed(why) => Err(StoreError(why)),
            State::Unsuitable(reasons) => Err(StoreError(account::explained(&reasons))),
        }
    }
}

#[async_trait]
impl MarkStore for CosmosMarkStore {
    async fn read(&self, id: &MarkId) -> Result<Option<Stored>, StoreError> {
        let container = self.container().await?;
        let (partition, name) = (id.key.to_string(), id.to_string());
        let mut tries = Tries::new();
        loop {
            let outcome = match container.read_item(partition.clone(), &name, None).await {
                Ok(response) => return stored(id, response).map(Some),
                Err(error) => outcome::of(&error),
            };
            match outcome.effect {
                Effect::NotFound => return Ok(None),
                Effect::Refused => return Err(StoreError(outcome.why)),
                // Whatever became of a read, it may be tried again.
                Effect::Changed | Effect::NotDone | Effect::Unknown => {}
            }
            if !self.is_worth_another(&mut tries, &outcome).await {
                return Err(StoreError(outcome.why));
            }
        }
    }

    async fn write(&self, id: &MarkId, mark: &Mark, expected: Option<&Version>) -> Result<Version, WriteError> {
        let container = self.container().await.map_err(WriteError::NotWritten)?;
        let (partition, name) = (id.key.to_string(), id.to_string());
        let item = Item::new(id, mark);
        // Many keys sign at one instant, and the vault takes longer than this: its calls of other requests go first.
        tokio::task::yield_now().await;
        let mut tries = Tries::new();
        loop {
            let response = match expected {
                None => container.create_item(partition.clone(), &name, &item, None).await,
                Some(Version(etag)) => {
                    let condition = Precondition::if_match(etag.clone());
                    let options = ItemWriteOptions::default().with_precondition(condition);
                    container.replace_item(partition.clone(), &name, &item, Some(options)).await
                }
            };
            let outcome = match response {
                Ok(response) => return version(&response).map_err(WriteError::Unknown),
                Err(error) => outcome::of(&error),
            };
            match outcome.effect {
                // Only a container can be missing when an item is made; an item that is not there any more has changed too.
                Effect::NotFound if expected.is_none() => return Err(WriteError::NotWritten(StoreError(outcome.why))),
                Effect::Changed | Effect::NotFound => return Err(WriteError::Changed),
                Effect::Unknown => return Err(WriteError::Unknown(StoreError(outcome.why))),
                Effect::Refused => return Err(WriteError::NotWritten(StoreError(outcome.why))),
                Effect::NotDone => {}
            }
            if !self.is_worth_another(&mut tries, &outcome).await {
                return Err(WriteError::NotWritten(StoreError(outcome.why)));
            }
        }
    }

    fn is_ready(&self) -> bool {
        self.connection.is_ready()
    }
}

struct Tries {
    start: Instant,
    pauses: Pauses,
}

impl Tries {
    fn new() -> Self {
        Self { start: Instant::now(), pauses: Pauses::new() }
    }
}

fn version(response: &ItemResponse) -> Result<Version, StoreError> {
    let etag = response.headers().etag().ok_or_else(|| StoreError("an answer without an ETag".to_owned()))?;
    Ok(Version(etag.to_string()))
}

fn stored(id: &MarkId, response: ItemResponse) -> Result<Stored, StoreError> {
    let version = version(&response)?;
    let item: Item = response
        .into_model()
        .map_err(|error| StoreError(format!("the item {id} is not a mark: {}", reason_of(&error))))?;
    Ok(Stored { mark: item.into_mark(id).map_err(StoreError)?, version })
}
