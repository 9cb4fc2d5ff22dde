//! A container of sealed keys in Cosmos DB, each in an item of its own.

use super::sealing::SealedKey;
use super::source::{SealedEntry, SealedKeySource, SealedKeyStore, SealedStoreError, StoredKey, check_that_key_is_new};
use crate::azure::Tokens;
use crate::failure_reason::FailureReason;
use crate::marks::cosmos::{Document, Documents, NotWritten, WritePermission};
use crate::marks::{CosmosSettings, StoreError};
use crate::vault::embedded::KeyName;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::fmt::Display;
use std::sync::Arc;
use tokio::time::Instant;

/// The `type` of every item. The partition key of the container is `/type`, so that one partition has all items, and one query within it
/// lists them.
const TYPE: &str = "sealed_key";

/// A container of sealed keys, in the database of the marks. An item is `{"id": <name>, "type": "sealed_key", "sealed": {…}}`, where
/// `sealed` is a sealed key.
pub struct Container {
    name: String,
    documents: Documents,
}

impl Container {
    /// The container in the settings. Connects on first use.
    pub fn new(settings: CosmosSettings, tokens: Arc<Tokens>) -> Self {
        Self { name: settings.container.clone(), documents: Documents::new(settings, tokens, TYPE) }
    }

    /// Whether this identity may replace keys. Changes none.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be determined.
    pub async fn may_replace(&self, deadline: Instant) -> Result<WritePermission, StoreError> {
        self.documents.may_replace(deadline).await
    }

    fn location(&self, name: &dyn Display) -> String {
        format!("{name} in the container {}", self.name)
    }

    fn failed(&self, name: &KeyName, error: &StoreError) -> SealedStoreError {
        SealedStoreError::Failed { location: self.location(name), reason: error.log() }
    }

    fn entry(&self, document: &Document) -> SealedEntry {
        let id = document.contents.get("id").and_then(Value::as_str).unwrap_or_default();
        let name = match id.parse::<KeyName>() {
            Ok(name) => name.to_string(),
            // Anything may be in such an id.
            Err(error) => {
                let shown: String = id.chars().take(64).collect();
                let location = self.location(&format!("{shown:?}"));
                return SealedEntry { name: format!("{shown:?}"), key: Err(format!("{location}: {error}")), location };
            }
        };
        let location = self.location(&name);
        let key = sealed_in(&document.contents, &location).map_err(|error| error.to_string());
        SealedEntry { name, location, key }
    }

    fn written(&self, name: &KeyName, written: Result<(), NotWritten>) -> Result<(), SealedStoreError> {
        let location = self.location(name);
        written.map_err(|error| match error {
            NotWritten::Changed => SealedStoreError::Changed { location },
            NotWritten::Refused(error) => self.failed(name, &error),
            NotWritten::Unknown(error) => SealedStoreError::Unconfirmed { location, reason: error.log() },
        })
    }
}

#[async_trait]
impl SealedKeySource for Container {
    async fn list(&self, deadline: Instant) -> Result<Vec<SealedEntry>, FailureReason> {
        let documents = self.documents.list(deadline).await.map_err(|error| {
            FailureReason::with_log(
                format!("the sealed keys in the database cannot be read: {error}"),
                format!("the container {} of sealed keys cannot be read: {}", self.name, error.log()),
            )
        })?;
        let mut entries: Vec<_> = documents.iter().map(|document| self.entry(document)).collect();
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(entries)
    }
}

#[async_trait]
impl SealedKeyStore for Container {
    async fn read(&self, name: &KeyName, deadline: Instant) -> Result<StoredKey, SealedStoreError> {
        let location = self.location(name);
        let document = self.documents.read(&name.to_string(), deadline).await;
        let document = document.map_err(|error| self.failed(name, &error))?;
        let Document { contents, version } =
            document.ok_or_else(|| SealedStoreError::Absent { location: location.clone() })?;
        Ok(StoredKey { key: sealed_in(&contents, &location)?, version })
    }

    async fn add(&self, name: &KeyName, key: &SealedKey, deadline: Instant) -> Result<(), SealedStoreError> {
        let location = self.location(name);
        let entries = self.list(deadline).await.map_err(|reason| SealedStoreError::Failed {
            location: format!("the container {}", self.name),
            reason: reason.log().to_owned(),
        })?;
        if entries.iter().any(|entry| entry.name == name.to_string()) {
            return Err(SealedStoreError::NameTaken { location });
        }
        check_that_key_is_new(key, &entries)?;
        match self.documents.write(&name.to_string(), &item(name, key)?, None, deadline).await {
            Err(NotWritten::Changed) => Err(SealedStoreError::NameTaken { location }),
            written => self.written(name, written),
        }
    }

    async fn replace(
        &self,
        name: &KeyName,
        old: &StoredKey,
        new: &SealedKey,
        deadline: Instant,
    ) -> Result<(), SealedStoreError> {
        let written = self.documents.write(&name.to_string(), &item(name, new)?, Some(&old.version), deadline).await;
        self.written(name, written)
    }
}

fn item(name: &KeyName, key: &SealedKey) -> Result<Value, SealedStoreError> {
    let sealed: Value = serde_json::from_str(&key.to_json())
        .map_err(|error| SealedStoreError::Invalid { location: name.to_string(), reason: error.to_string() })?;
    Ok(json!({ "id": name.to_string(), "type": TYPE, "sealed": sealed }))
}

fn sealed_in(item: &Value, location: &str) -> Result<SealedKey, SealedStoreError> {
    let sealed = item.get("sealed").ok_or_else(|| SealedStoreError::Invalid {
        location: location.to_owned(),
        reason: "not a sealed key: the item has no field `sealed`".to_owned(),
    })?;
    SealedKey::from_json(sealed.to_string().as_bytes()).map_err(|source| SealedStoreError::invalid(location, &source))
}
