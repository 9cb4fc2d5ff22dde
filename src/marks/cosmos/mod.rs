//! The mark store in Cosmos DB: one item for each mark, shared by any number of instances.

pub mod account;
mod checker;
mod client;
mod connection;
mod diagnostics;
mod health;
mod item;
mod keeper;
mod outcome;
mod reader;
mod rid;
mod settings;
mod state;
mod words;

pub use account::Unsuitable;
pub use diagnostics::Inspection;
pub use reader::MarkReader;
pub(crate) use reader::PROBE;
pub use settings::CosmosSettings;

use super::{Mark, MarkId, MarkStore, StoreError, StoreId, StoreIdentity, StoreName, Stored, Version, WriteError};
use crate::azure::{TlsRoots, Tokens, reason_of};
use crate::failure_reason::FailureReason;
use crate::net::CallCounts;
use crate::net::retry::{Again, GaveUp, persist};
use async_trait::async_trait;
use azure_data_cosmos::models::ItemResponse;
use azure_data_cosmos::options::{ItemWriteOptions, Precondition};
use connection::Connection;
use health::Access;
use item::Item;
use outcome::{Effect, Outcome, Rejection};
use state::{Ready, StoreState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
        let name = settings.name();
        let hedge_after = settings.hedge_after;
        let connection = Connection::start(settings, tokens, roots)?;
        Ok(Self { name, connection, hedge_after, counts: CallCounts::default() })
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

/// Interprets answers.
impl CosmosMarkStore {
    async fn stored(
        &self,
        id: &MarkId,
        ready: &Ready,
        checked: Option<&str>,
        response: ItemResponse,
    ) -> Result<Stored, Outcome> {
        let version = version(&response)?;
        let item: Item = response.into_model().map_err(|error| {
            let log = format!("the item {id} is not a mark: {}", reason_of(&error));
            Outcome::refused(FailureReason::with_log("a stored mark is not readable", log))
        })?;
        if !self.connection.is_in_checked_container(ready, checked, item.rid()).await? {
            return Err(another_container());
        }
        let mark = item.into_mark(id);
        let mark = mark.map_err(|reason| {
            Outcome::refused(FailureReason::with_log("a stored mark is not the requested one", reason.to_string()))
        })?;
        Ok(Stored { mark, version })
    }

    /// A write that took more than one request, or is not in the checked container, is read back before anything is released:
    /// the SDK may have switched to another container within the call.
    async fn written(&self, ready: &Ready, checked: Option<&str>, response: ItemResponse) -> Result<Version, Outcome> {
        if response.diagnostics().request_count() > 1 {
            return Err(Outcome::unknown("the write took more than one request"));
        }
        let version = version(&response)?;
        let item: Option<Item> = response.into_model().ok();
        match self.connection.is_in_checked_container(ready, checked, item.as_ref().and_then(Item::rid)).await {
            Ok(true) => Ok(version),
            Ok(false) => Err(Outcome::unknown(another_container().reason)),
            Err(outcome) => Err(Outcome::unknown(outcome.reason)),
        }
    }
}

fn another_container() -> Outcome {
    Outcome::refused(account::RECREATED)
}

#[async_trait]
impl MarkStore for CosmosMarkStore {
    async fn read(&self, id: &MarkId, deadline: Instant) -> Result<Option<Stored>, StoreError> {
        self.ready(deadline).await?;
        let checked = &self.connection.container_rid();
        let (partition, name) = (&id.key.to_string(), &id.to_string());
        let number = AtomicUsize::new(0);
        let call = || {
            // Each call goes to the next region, over the current connection.
            let number = number.fetch_add(1, Ordering::Relaxed);
            async move {
                let ready = self.ready(deadline).await.map_err(|error| Outcome::unknown(error.reason()))?;
                let read = Box::pin(ready.container.read_item(
                    partition.clone(),
                    name,
                    Some(ready.read_options(number, deadline)),
                ));
                match self.connection.watch(Access::Read, &ready, read).await {
                    Ok(response) => self.stored(id, &ready, checked.as_deref(), response).await.map(Some),
                    Err(Outcome { effect: Effect::NotFound, .. }) if self.connection.container_rid() == *checked => {
                        Ok(None)
                    }
                    Err(Outcome { effect: Effect::NotFound, .. }) => Err(another_container()),
                    Err(outcome) => Err(outcome),
                }
            }
        };
        // A read may always be repeated.
        let again = |outcome: &Outcome| match outcome.effect {
            Effect::Changed | Effect::Unknown => Again::Yes(outcome.retry_after),
            _ => self.again(outcome),
        };
        match persist(deadline, self.hedge_after, Some(&self.counts), call, again).await {
            Ok(found) => Ok(found),
            Err(GaveUp::Final(outcome)) => Err(outcome.into_error()),
            Err(GaveUp::Deadline(last)) => Err(StoreError::deadline(last.map(Outcome::into_error).as_ref())),
        }
    }

    async fn write(
        &self,
        id: &MarkId,
        mark: &Mark,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError> {
        self.ready(deadline).await.map_err(WriteError::NotWritten)?;
        let checked = self.connection.container_rid();
        let (partition, name) = (id.key.to_string(), id.to_string());
        let item = Item::new(id, mark);
        // Many keys sign at the same instant, and the vault is slower than this: its calls for other requests go first.
        tokio::task::yield_now().await;
        // Calls that may have written, or may still do so: those in flight, and those that ended without a clear answer.
        let unclear = AtomicUsize::new(0);
        let call = || async {
            unclear.fetch_add(1, Ordering::Relaxed);
            // The connection may have been replaced.
            let ready = self.ready(deadline).await.map_err(|error| Outcome::unknown(error.reason()))?;
            if self.connection.container_rid() != checked {
                return Err(another_container());
            }
            let write = Box::pin(async {
                let container = &ready.container;
                let options = ItemWriteOptions::default().with_operation_options(client::ends_before(deadline, None));
                match expected {
                    None => container.create_item(partition.clone(), &name, &item, Some(options)).await,
                    Some(Version(etag)) => {
                        let condition = Precondition::if_match(etag.clone());
                        let options = options.with_precondition(condition);
                        container.replace_item(partition.clone(), &name, &item, Some(options)).await
                    }
                }
            });
            let outcome = match self.connection.watch(Access::Write, &ready, write).await {
                Ok(response) => return self.written(&ready, checked.as_deref(), response).await,
                Err(outcome) => outcome,
            };
            if outcome.effect == Effect::NotFound && expected.is_some() {
                // Marks are never deleted, so it may be another container.
                self.connection.check_container();
            }
            if outcome.effect != Effect::Unknown {
                unclear.fetch_sub(1, Ordering::Relaxed);
            }
            Err(outcome)
        };
        let gave_up =
            match persist(deadline, self.hedge_after, Some(&self.counts), call, |outcome| self.again(outcome)).await {
                Ok(version) => return Ok(version),
                Err(gave_up) => gave_up,
            };
        let is_unclear = unclear.load(Ordering::Relaxed) > 0;
        Err(match gave_up {
            // The other writer may be another call of this very write.
            GaveUp::Final(outcome) if is_unclear => WriteError::Unknown(outcome.into_error()),
            GaveUp::Final(outcome) => match outcome.effect {
                // Only a container can be missing when an item is created; an item that is gone has changed too.
                Effect::NotFound if expected.is_none() => WriteError::NotWritten(outcome.into_error()),
                Effect::Changed | Effect::NotFound => WriteError::Changed,
                Effect::Unknown => WriteError::Unknown(outcome.into_error()),
                Effect::NotDone | Effect::Denied | Effect::Refused => WriteError::NotWritten(outcome.into_error()),
            },
            GaveUp::Deadline(last) => {
                let error = StoreError::deadline(last.map(Outcome::into_error).as_ref());
                if is_unclear { WriteError::Unknown(error) } else { WriteError::NotWritten(error) }
            }
        })
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

fn version(response: &ItemResponse) -> Result<Version, Outcome> {
    let etag = response.headers().etag().ok_or_else(|| Outcome::unknown("an answer without an ETag"))?;
    Ok(Version(etag.to_string()))
}
