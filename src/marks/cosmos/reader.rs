//! Reads marks for an operator, even from a container that the signer rejects.

use super::account::role_of;
use super::client;
use super::diagnostics::Inspection;
use super::item::{Item, WrongItem};
use super::outcome::{self, Effect};
use crate::azure::reason_of;
use crate::marks::{
    Found, InvalidMarkId, KeyStops, Listing, Mark, MarkId, StoreError, Stored, Unreadable, Version, key_of_stop_item,
};
use crate::net::retry::{Again, GaveUp, LATE_AFTER, persist};
use crate::tezos::payload::Kind;
use crate::tezos::{ChainId, PublicKeyHash};
use azure_core::http::StatusCode;
use azure_data_cosmos::models::{ContainerProperties, ItemResponse};
use azure_data_cosmos::options::QueryOptions;
use azure_data_cosmos::{ContainerClient, FeedScope};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::collections::BTreeSet;
use thiserror::Error;
use tokio::time::Instant;

/// Reads marks for an operator, even from a container that the signer rejects, and even items that are not marks. No decision
/// may depend on the result.
pub struct MarkReader {
    container: ContainerClient,
    partition: Partition,
}

/// The partition keys with which a mark can be found by its name.
#[derive(Clone, Copy)]
enum Partition {
    ByKey,
    ById,
}

impl MarkReader {
    /// Connects, with retries until `deadline`.
    ///
    /// # Errors
    /// [`StoreError`], also if marks cannot be found by the container's partition key.
    pub async fn connect(inspection: &Inspection, deadline: Instant) -> Result<Self, StoreError> {
        let connect = || async {
            let found = inspection.container().await;
            found.map_err(|error| StoreError::Failed(outcome::reason(&error).after("no connection: ")))
        };
        let (container, properties) = until(deadline, connect).await?;
        let partition = partition_of(&properties)?;
        Ok(Self { container, partition })
    }

    /// All items in the container, in the order of their names; `None` if this identity may not run queries, as the role of a
    /// signer may not. Retries until `deadline`.
    ///
    /// # Errors
    /// [`StoreError`] if there is no answer, or a different refusal.
    pub async fn list(&self, deadline: Instant) -> Result<Option<Listing>, StoreError> {
        let query = || async {
            let items = async {
                let options = QueryOptions::default().with_operation_options(client::ends_before(deadline, None));
                let items = self.container.query_items("SELECT * FROM c", FeedScope::full_container(), Some(options));
                items.await?.try_collect::<Vec<Value>>().await
            };
            match items.await {
                Ok(items) => Ok(Some(items)),
                Err(error) if error.status().status_code() == StatusCode::Forbidden => Ok(None),
                Err(error) => Err(outcome::of(&error).into_error()),
            }
        };
        Ok(until(deadline, query).await?.map(listing))
    }

    /// The item under the name of a mark, `None` if it does not exist. Retries until `deadline`.
    ///
    /// # Errors
    /// [`StoreError`] if there is no answer, or a refusal.
    pub async fn look(&self, id: &MarkId, deadline: Instant) -> Result<Option<Found>, StoreError> {
        let name = id.to_string();
        let partition = match self.partition {
            Partition::ByKey => id.key.to_string(),
            Partition::ById => name.clone(),
        };
        let read = || async {
            match self.container.read_item(partition.clone(), &name, None).await {
                Ok(response) => Ok(Some(response)),
                Err(error) => match outcome::of(&error) {
                    outcome if outcome.effect == Effect::NotFound => Ok(None),
                    outcome => Err(outcome.into_error()),
                },
            }
        };
        until(deadline, read).await?.map(|response| found(id, response)).transpose()
    }

    /// The items under the names of all marks of these keys, on these chains and on mainnet, each with its answer. Each read is repeated
    /// until `deadline`.
    pub async fn look_at_all(
        &self,
        keys: &[PublicKeyHash],
        chains: &BTreeSet<ChainId>,
        deadline: Instant,
    ) -> Vec<(MarkId, Result<Option<Found>, StoreError>)> {
        const MAX_IN_FLIGHT: usize = 8;
        let chains = chains.iter().copied().chain((!chains.contains(&ChainId::MAINNET)).then_some(ChainId::MAINNET));
        let ids: Vec<_> = chains
            .flat_map(|chain| keys.iter().flat_map(move |key| Kind::ALL.map(|kind| MarkId { chain, key: *key, kind })))
            .collect();
        let reads = stream::iter(ids).map(async |id| (id, self.look(&id, deadline).await));
        reads.buffered(MAX_IN_FLIGHT).collect().await
    }
}

fn partition_of(properties: &ContainerProperties) -> Result<Partition, StoreError> {
    match role_of(properties) {
        Ok(_) => Ok(Partition::ByKey),
        Err(path) if path == "/id" => Ok(Partition::ById),
        Err(paths) => Err(StoreError::new(format!(
            "the container's partition key is {paths}: marks can be found only by /pkh or /id"
        ))),
    }
}

/// The id of the item that `doctor` writes to see what its role permits.
pub(crate) const PROBE: &str = "doctor:probe";

fn listing(mut items: Vec<Value>) -> Listing {
    fn text<'a>(item: &'a Value, field: &str) -> &'a str {
        item.get(field).and_then(Value::as_str).unwrap_or_default()
    }
    items.sort_by(|left, right| text(left, "id").cmp(text(right, "id")));
    let mut listing = Listing::default();
    for item in items.into_iter().filter(|item| text(item, "id") != PROBE) {
        let name = text(&item, "id").to_owned();
        let version = Version(text(&item, "_etag").to_owned());
        let contents = item.to_string();
        match listed(&name, item) {
            Ok(Listed::Mark(id, mark)) => listing.marks.push((id, *mark)),
            Ok(Listed::Stops(key, stops)) => listing.stops.push((key, stops)),
            Err(reason) => listing.unreadable.push(Unreadable { name, reason: reason.to_string(), contents, version }),
        }
    }
    listing
}

/// Why an item is not a mark.
#[derive(Debug, Error)]
enum NotAMark {
    #[error(transparent)]
    Id(#[from] InvalidMarkId),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Wrong(#[from] WrongItem),
}

enum Listed {
    Mark(MarkId, Box<Mark>),
    Stops(PublicKeyHash, KeyStops),
}

fn listed(name: &str, item: Value) -> Result<Listed, NotAMark> {
    if let Some(key) = key_of_stop_item(name) {
        let stops = serde_json::from_value::<Item<KeyStops>>(item)?.into_contents(name, &key)?;
        return Ok(Listed::Stops(key, stops));
    }
    let id: MarkId = name.parse()?;
    let mark = serde_json::from_value::<Item<Mark>>(item)?.into_contents(name, &id.key)?;
    Ok(Listed::Mark(id, Box::new(mark)))
}

fn mark_in(body: &[u8], id: &MarkId) -> Result<Mark, NotAMark> {
    Ok(serde_json::from_slice::<Item<Mark>>(body)?.into_contents(&id.to_string(), &id.key)?)
}

fn found(id: &MarkId, response: ItemResponse) -> Result<Found, StoreError> {
    let etag = response.headers().etag().ok_or_else(|| StoreError::new("an answer without an ETag"))?;
    let version = Version(etag.to_string());
    let body = response.into_body().single().map_err(|error| StoreError::new(reason_of(&error)))?;
    Ok(match mark_in(&body, id) {
        Ok(mark) => Found::Mark(Box::new(Stored { mark, version })),
        Err(reason) => {
            let contents = String::from_utf8_lossy(&body).into_owned();
            Found::Unreadable(Unreadable { name: id.to_string(), reason: reason.to_string(), contents, version })
        }
    })
}

/// Retries until there is an answer or the deadline passes. The operator sees the last error.
async fn until<T, C>(deadline: Instant, call: impl FnMut() -> C) -> Result<T, StoreError>
where
    C: Future<Output = Result<T, StoreError>>,
{
    persist(deadline, LATE_AFTER, None, call, |_| Again::Yes(None)).await.map_err(|gave_up| match gave_up {
        GaveUp::Final(error) => error,
        GaveUp::Deadline(last) => StoreError::deadline(last.as_ref()),
    })
}
