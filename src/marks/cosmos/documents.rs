//! Documents in another container of the database with the marks.

use super::CosmosSettings;
use super::account::SCOPE;
use super::client::{self, ends_before};
use super::outcome::{self, Effect, Outcome, Rejection};
use crate::azure::Tokens;
use crate::marks::StoreError;
use crate::net::backoff::Backoff;
use crate::net::retry::{Again, GaveUp, LATE_AFTER, persist};
use azure_data_cosmos::models::ItemResponse;
use azure_data_cosmos::options::{ItemReadOptions, ItemWriteOptions, OperationOptions, Precondition, QueryOptions};
use azure_data_cosmos::{ContainerClient, CosmosError, FeedScope};
use futures::TryStreamExt;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Documents in one partition of a container, in the database with the marks. No decision on a mark may depend on them: the account and
/// the container are not checked.
pub struct Documents {
    settings: CosmosSettings,
    tokens: Arc<Tokens>,
    partition: &'static str,
    client: Mutex<Option<Arc<ContainerClient>>>,
}

/// A document as it was read.
#[derive(Debug, Clone)]
pub struct Document {
    /// The document, with the fields that the service adds.
    pub contents: Value,
    /// Its `ETag`.
    pub version: String,
}

/// Why a document was not written.
#[derive(Debug)]
pub enum NotWritten {
    /// The document is not in the expected version.
    Changed,
    /// The service refuses, or cannot be reached.
    Refused(StoreError),
    /// Whether it was written is unknown, and the document cannot be read back.
    Unknown(StoreError),
}

/// Whether this identity may replace documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WritePermission {
    /// Its role permits it.
    Granted,
    /// The service denies it.
    Denied,
}

/// Time limit of one write, after which the document is read back.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);

/// How often the SDK may repeat a read in another region.
const MAX_OTHER_REGIONS: u32 = 3;

impl Documents {
    /// The documents with this partition key in the container of the settings. Makes no call yet.
    pub fn new(settings: CosmosSettings, tokens: Arc<Tokens>, partition: &'static str) -> Self {
        tokens.keep(SCOPE);
        Self { settings, tokens, partition, client: Mutex::default() }
    }

    /// All documents. Retries until `deadline`.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(&self, deadline: Instant) -> Result<Vec<Document>, StoreError> {
        let query = || async {
            let container = self.connected(deadline).await?;
            let options = QueryOptions::default().with_operation_options(of_read(deadline));
            let scope = FeedScope::partition(self.partition);
            let items = async {
                let items = container.query_items::<Value>("SELECT * FROM c", scope, Some(options));
                items.await?.try_collect::<Vec<Value>>().await
            };
            Ok(items.await.map_err(|error| self.failed(&error))?.into_iter().map(Document::of).collect())
        };
        self.until(deadline, query).await
    }

    /// A document; `None` if it does not exist. Retries until `deadline`.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn read(&self, id: &str, deadline: Instant) -> Result<Option<Document>, StoreError> {
        let read = || async {
            let container = self.connected(deadline).await?;
            let options = ItemReadOptions::default().with_operation_options(of_read(deadline));
            match container.read_item(self.partition, id, Some(options)).await {
                Ok(response) => contents(response).map(|contents| Some(Document::of(contents))),
                Err(error) => match self.failed(&error) {
                    Outcome { effect: Effect::NotFound, .. } => Ok(None),
                    outcome => Err(outcome),
                },
            }
        };
        self.until(deadline, read).await
    }

    /// Creates a document, or replaces the one with the expected version. If an answer is lost, the document is read back.
    ///
    /// # Errors
    /// [`NotWritten`]
    pub async fn write(
        &self,
        id: &str,
        document: &Value,
        expected: Option<&str>,
        deadline: Instant,
    ) -> Result<(), NotWritten> {
        let mut backoff = Backoff::within_a_request();
        let (mut was_denied, mut may_be_written) = (false, false);
        loop {
            let Err(outcome) = self.write_once(id, document, expected, deadline).await else { return Ok(()) };
            let is_final = match outcome.effect {
                Effect::NotDone => false,
                Effect::Refused => true,
                // A new role takes a moment.
                Effect::Denied => std::mem::replace(&mut was_denied, true),
                // The answer to an earlier attempt may be lost, so the stored version may be ours.
                Effect::NotFound | Effect::Changed | Effect::Unknown => {
                    may_be_written |= outcome.effect == Effect::Unknown;
                    let found = self.read(id, deadline).await.map_err(NotWritten::Unknown)?;
                    match (&found, expected) {
                        (Some(found), _) if found.contains(document) => return Ok(()),
                        (Some(found), Some(expected)) if found.version == expected => false,
                        (None, None) => false,
                        _ => return Err(NotWritten::Changed),
                    }
                }
            };
            if is_final || Instant::now() >= deadline {
                let error = outcome.into_error();
                let error = if is_final { error } else { StoreError::deadline(Some(&error)) };
                // A late attempt may still arrive.
                return Err(if may_be_written { NotWritten::Unknown(error) } else { NotWritten::Refused(error) });
            }
            sleep(backoff.pause(outcome.retry_after)).await;
        }
    }

    /// Whether this identity may replace documents, by an attempt that cannot succeed: the document does not exist.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be determined.
    pub async fn may_replace(&self, deadline: Instant) -> Result<WritePermission, StoreError> {
        const ABSENT: &str = "doctor:absent";
        let document = serde_json::json!({ "id": ABSENT, "type": self.partition });
        match self.write_once(ABSENT, &document, Some("\"none\""), deadline).await {
            Err(outcome) => match outcome.effect {
                Effect::NotFound | Effect::Changed => Ok(WritePermission::Granted),
                Effect::Denied if outcome.rejection == Some(Rejection::Denied) => Ok(WritePermission::Denied),
                _ => Err(outcome.into_error()),
            },
            Ok(()) => Ok(WritePermission::Granted),
        }
    }

    async fn write_once(
        &self,
        id: &str,
        document: &Value,
        expected: Option<&str>,
        deadline: Instant,
    ) -> Result<(), Outcome> {
        let deadline = deadline.min(Instant::now() + WRITE_TIMEOUT);
        let Ok(container) = timeout_at(deadline, self.connected(deadline)).await else {
            return Err(Outcome { effect: Effect::NotDone, ..Outcome::unknown("cannot connect in time") });
        };
        let container = container.map_err(|outcome| Outcome { effect: not_done(outcome.effect), ..outcome })?;
        let options = ItemWriteOptions::default().with_operation_options(ends_before(deadline, None));
        let write = async {
            match expected {
                None => container.create_item(self.partition, id, document, Some(options)).await,
                Some(etag) => {
                    let options = options.with_precondition(Precondition::if_match(etag.to_owned()));
                    container.replace_item(self.partition, id, document, Some(options)).await
                }
            }
        };
        match timeout_at(deadline, Box::pin(write)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => {
                self.disconnect();
                Err(Outcome::unknown("timed out"))
            }
        }
    }

    /// The connection. One that fails is replaced by the next call.
    async fn connected(&self, deadline: Instant) -> Result<Arc<ContainerClient>, Outcome> {
        let connected = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(connected) = connected {
            return Ok(connected);
        }
        let (settings, nearest) = (&self.settings, client::nearest(&self.settings));
        let limit = deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
        let connected = client::connect(settings, &self.tokens, &settings.endpoint, nearest, limit).await;
        let connected = connected.map_err(|error| {
            let mut outcome = self.failed(&error);
            outcome.reason = outcome.reason.after("no connection: ");
            outcome
        })?;
        let connected = Arc::new(connected);
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&connected));
        Ok(connected)
    }

    fn disconnect(&self) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn failed(&self, error: &CosmosError) -> Outcome {
        let outcome = outcome::of(error);
        if outcome.rejection == Some(Rejection::Unauthorized) {
            self.tokens.renew(SCOPE);
        }
        if !outcome.is_answered {
            self.disconnect();
        }
        outcome
    }

    /// Reads may be repeated, whatever their outcome.
    async fn until<T, C>(&self, deadline: Instant, call: impl FnMut() -> C) -> Result<T, StoreError>
    where
        C: Future<Output = Result<T, Outcome>>,
    {
        let again = |outcome: &Outcome| match outcome.effect {
            Effect::Denied => Again::Once,
            Effect::Refused => Again::No,
            Effect::NotFound | Effect::Changed | Effect::NotDone | Effect::Unknown => Again::Yes(outcome.retry_after),
        };
        persist(deadline, LATE_AFTER, None, call, again).await.map_err(|gave_up| match gave_up {
            GaveUp::Final(outcome) => outcome.into_error(),
            GaveUp::Deadline(last) => StoreError::deadline(last.map(Outcome::into_error).as_ref()),
        })
    }
}

impl Document {
    fn of(contents: Value) -> Self {
        let version = contents.get("_etag").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { contents, version }
    }

    /// Whether it has all fields of `document`, apart from those that the service adds.
    fn contains(&self, document: &Value) -> bool {
        document.as_object().is_some_and(|fields| {
            fields.iter().all(|(name, value)| self.contents.get(name).is_some_and(|there| there == value))
        })
    }
}

fn contents(response: ItemResponse) -> Result<Value, Outcome> {
    response.into_model().map_err(|error| outcome::of(&error))
}

/// Whatever the outcome of the calls for a connection, nothing was written.
fn not_done(effect: Effect) -> Effect {
    match effect {
        Effect::Denied | Effect::Refused => effect,
        Effect::NotFound | Effect::Changed | Effect::NotDone | Effect::Unknown => Effect::NotDone,
    }
}

/// Unlike a write, a read may be repeated in another region.
fn of_read(deadline: Instant) -> OperationOptions {
    let mut options = ends_before(deadline, None);
    options.max_failover_retry_count = Some(MAX_OTHER_REGIONS);
    options
}
