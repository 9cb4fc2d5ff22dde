//! The mark store in Cosmos DB: one item for each mark, shared by any number of instances.

pub mod account;
mod checker;
mod client;
mod connection;
mod diagnostics;
mod documents;
mod health;
mod item;
mod items;
mod keeper;
mod outcome;
mod reader;
mod rid;
mod settings;
mod state;
mod words;

pub use account::Unsuitable;
pub use diagnostics::Inspection;
pub use documents::{Document, Documents, NotWritten, WritePermission};
pub use reader::MarkReader;
pub(crate) use reader::PROBE;
pub use settings::CosmosSettings;

use super::{
    KeyStops, Mark, MarkId, MarkStore, StoreError, StoreId, StoreIdentity, StoreName, StoreRole, Stored, StoredStops,
    Version, WriteError, stop_item_name,
};
use crate::azure::{TlsRoots, Tokens};
use crate::net::CallCounts;
use crate::net::retry::Again;
use crate::tezos::PublicKeyHash;
use async_trait::async_trait;
use connection::Connection;
use outcome::{Effect, Outcome, Rejection};
use state::{Ready, StoreState};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Part of a request's time that is reserved for reporting why there is no connection.
const TIME_TO_ANSWER: Duration = Duration::from_millis(50);

/// Marks in a Cosmos DB container.
///
/// Only point reads, creates, and replaces with the `ETag` that was read are used, so the role of the service needs no other
/// right, and nothing here could lower or delete a mark. With strong consistency, an acknowledged write is in all regions;
/// with one write region, an `ETag` is a lock.
///
/// The SDK's retries are off as far as possible: it would resend an item after a broken connection, and our write would look
/// like that of another process. Here, the outcome of every write is known, or explicitly unknown.
///
/// Every item identifies its container, which must be the one that was checked: a recreated container of the same name has
/// other marks, and the SDK switches to it silently.
pub struct CosmosMarkStore {
    name: StoreName,
    role: StoreRole,
    connection: Connection,
    hedge_after: Duration,
    counts: CallCounts,
}

impl CosmosMarkStore {
    /// A store that connects and checks the account in the background. Reads and writes wait for that until their deadline.
    ///
    /// # Errors
    /// If no HTTP client can be built.
    pub fn start(settings: CosmosSettings, tokens: Arc<Tokens>, roots: &TlsRoots) -> Result<Self, reqwest::Error> {
        let (name, role) = (settings.name(), settings.role);
        let hedge_after = settings.hedge_after;
        let connection = Connection::start(settings, tokens, roots)?;
        Ok(Self { name, role, connection, hedge_after, counts: CallCounts::default() })
    }

    /// The connection in use. Waits for the first one until just before the deadline.
    async fn ready(&self, deadline: Instant) -> Result<Arc<Ready>, StoreError> {
        // Leave time to send the reason to the client.
        let before = deadline.checked_sub(TIME_TO_ANSWER).unwrap_or(deadline);
        match self.connection.state(before).await {
            StoreState::Ready(ready) => Ok(ready),
            StoreState::Connecting => Err(StoreError::deadline(Some(&StoreError::NotConnected))),
            StoreState::Failed(reason) => Err(StoreError::deadline(Some(&StoreError::Failed(reason)))),
            StoreState::Unsuitable(reasons) => Err(StoreError::Unsuitable(account::explained(&reasons))),
        }
    }

    /// Whether to retry a failed call. A rejected token is renewed in the meantime.
    fn again(&self, outcome: &Outcome) -> Again {
        match outcome.rejection {
            Some(Rejection::Unauthorized) => self.connection.renew_tokens(),
            Some(Rejection::Throttled) => self.counts.throttled(),
            Some(Rejection::Denied) => self.counts.denied(),
            None => {}
        }
        match outcome.effect {
            Effect::NotDone => Again::Yes(outcome.retry_after),
            Effect::Denied => Again::Once,
            Effect::NotFound | Effect::Changed | Effect::Refused | Effect::Unknown => Again::No,
        }
    }
}

#[async_trait]
impl MarkStore for CosmosMarkStore {
    async fn read(&self, id: &MarkId, deadline: Instant) -> Result<Option<Stored>, StoreError> {
        let found = self.read_item(&id.key, &id.to_string(), deadline).await?;
        Ok(found.map(|(mark, version)| Stored { mark, version }))
    }

    async fn write(
        &self,
        id: &MarkId,
        mark: &Mark,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError> {
        self.write_item(&id.key, &id.to_string(), mark, expected, deadline).await
    }

    async fn read_stops(&self, key: &PublicKeyHash, deadline: Instant) -> Result<Option<StoredStops>, StoreError> {
        let found = self.read_item(key, &stop_item_name(key), deadline).await?;
        Ok(found.map(|(stops, version)| StoredStops { stops, version }))
    }

    async fn write_stops(
        &self,
        key: &PublicKeyHash,
        stops: &KeyStops,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError> {
        self.write_item(key, &stop_item_name(key), stops, expected, deadline).await
    }

    fn calls(&self) -> Option<&CallCounts> {
        Some(&self.counts)
    }

    fn id(&self) -> StoreId {
        StoreId::Container { name: self.name.clone(), rid: self.connection.container_rid() }
    }

    fn identity(&self) -> Option<StoreIdentity> {
        self.connection.identity()
    }

    fn is_recreated(&self) -> bool {
        self.connection.is_recreated()
    }

    async fn connected(&self, deadline: Instant) -> Result<(), StoreError> {
        self.ready(deadline).await.map(drop)
    }

    fn is_ready(&self) -> bool {
        self.connection.is_ready()
    }
}
