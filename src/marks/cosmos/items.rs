//! Reads and writes items in the container, and interprets the answers.

use super::health::Access;
use super::item::Item;
use super::outcome::{Effect, Outcome};
use super::state::Ready;
use super::{CosmosMarkStore, account, client};
use crate::azure::reason_of;
use crate::failure_reason::FailureReason;
use crate::marks::{StoreError, Version, WriteError};
use crate::net::retry::{Again, GaveUp, persist};
use crate::tezos::PublicKeyHash;
use azure_data_cosmos::models::ItemResponse;
use azure_data_cosmos::options::{ItemWriteOptions, Precondition};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::Instant;

impl CosmosMarkStore {
    /// Reads an item of a key.
    pub(super) async fn read_item<T: DeserializeOwned + Send>(
        &self,
        key: &PublicKeyHash,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<(T, Version)>, StoreError> {
        self.ready(deadline).await?;
        let checked = &self.connection.container_rid();
        let partition = &key.to_string();
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
                    Ok(response) => self.contents((key, name), &ready, checked.as_deref(), response).await.map(Some),
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

    /// Writes an item of a key, conditionally.
    pub(super) async fn write_item<T: Serialize + Clone + Sync>(
        &self,
        key: &PublicKeyHash,
        name: &str,
        contents: &T,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError> {
        self.ready(deadline).await.map_err(WriteError::NotWritten)?;
        let checked = self.connection.container_rid();
        let partition = key.to_string();
        let item = Item::new(name, key, contents.clone(), self.role);
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
                    None => container.create_item(partition.clone(), name, &item, Some(options)).await,
                    Some(Version(etag)) => {
                        let condition = Precondition::if_match(etag.clone());
                        let options = options.with_precondition(condition);
                        container.replace_item(partition.clone(), name, &item, Some(options)).await
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
}

/// Interprets answers.
impl CosmosMarkStore {
    async fn contents<T: DeserializeOwned>(
        &self,
        (key, name): (&PublicKeyHash, &str),
        ready: &Ready,
        checked: Option<&str>,
        response: ItemResponse,
    ) -> Result<(T, Version), Outcome> {
        let version = version(&response)?;
        let item: Item<T> = response.into_model().map_err(|error| {
            let log = format!("the item {name} is not a mark: {}", reason_of(&error));
            Outcome::refused(FailureReason::with_log("a stored mark is not readable", log))
        })?;
        if !self.connection.is_in_checked_container(ready, checked, item.rid()).await? {
            return Err(another_container());
        }
        let contents = item.into_contents(name, key).map_err(|reason| {
            Outcome::refused(FailureReason::with_log("a stored mark is not the requested one", reason.to_string()))
        })?;
        Ok((contents, version))
    }

    /// A write that took more than one request, or is not in the checked container, is read back before anything is released:
    /// the SDK may have switched to another container within the call.
    async fn written(&self, ready: &Ready, checked: Option<&str>, response: ItemResponse) -> Result<Version, Outcome> {
        if response.diagnostics().request_count() > 1 {
            return Err(Outcome::unknown("the write took more than one request"));
        }
        let version = version(&response)?;
        let item: Option<Item<IgnoredAny>> = response.into_model().ok();
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

fn version(response: &ItemResponse) -> Result<Version, Outcome> {
    let etag = response.headers().etag().ok_or_else(|| Outcome::unknown("an answer without an ETag"))?;
    Ok(Version(etag.to_string()))
}
