//! Where sealed keys are stored: in a [folder](super::Folder), or in a [container](super::Container) in Cosmos DB.

use super::format::InvalidSealedKey;
use super::sealing::SealedKey;
use crate::failure_reason::FailureReason;
use crate::vault::embedded::KeyName;
use async_trait::async_trait;
use std::io;
use std::path::PathBuf;
use thiserror::Error;
use tokio::time::Instant;

/// Sealed keys, for a signer, which only reads them.
#[async_trait]
pub trait SealedKeySource: Send + Sync {
    /// All keys by name, each with the reason if it cannot be used.
    ///
    /// # Errors
    /// If they cannot be listed.
    async fn list(&self, deadline: Instant) -> Result<Vec<SealedEntry>, FailureReason>;
}

/// Sealed keys, for an operator, who also writes them. A write replaces only the version that it names, and a process that dies during
/// a write leaves either the old key or the new one.
#[async_trait]
pub trait SealedKeyStore: SealedKeySource {
    /// A key.
    ///
    /// # Errors
    /// [`SealedStoreError`]
    async fn read(&self, name: &KeyName, deadline: Instant) -> Result<StoredKey, SealedStoreError>;

    /// Adds a key, under a name that is not in use.
    ///
    /// # Errors
    /// [`SealedStoreError`]
    async fn add(&self, name: &KeyName, key: &SealedKey, deadline: Instant) -> Result<(), SealedStoreError>;

    /// Replaces a key, if it is still as it was read.
    ///
    /// # Errors
    /// [`SealedStoreError`], in particular [`SealedStoreError::Changed`].
    async fn replace(
        &self,
        name: &KeyName,
        old: &StoredKey,
        new: &SealedKey,
        deadline: Instant,
    ) -> Result<(), SealedStoreError>;
}

/// A file or an item where a sealed key is expected.
#[derive(Debug, Clone)]
pub struct SealedEntry {
    /// The name of the key.
    pub name: String,
    /// The file, or the item with its container.
    pub location: String,
    /// The key, or why it cannot be used.
    pub key: Result<SealedKey, String>,
}

/// A key as it was read.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// The key.
    pub key: SealedKey,
    /// What a replacement is compared with: the text of a file, or the `ETag` of an item.
    pub(super) version: String,
}

/// Why a key cannot be read or written.
#[derive(Debug, Error)]
pub enum SealedStoreError {
    /// The file system reported an error.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The file system's error.
        source: io::Error,
    },
    /// It is not a sealed key.
    #[error("{location}: {reason}")]
    Invalid {
        /// The file or item.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no item with this name.
    #[error("{location} does not exist")]
    Absent {
        /// The item.
        location: String,
    },
    /// There is a file or an item with this name.
    #[error("{location} already exists")]
    NameTaken {
        /// The file or item.
        location: String,
    },
    /// The same key is in another file or item: the two could have different purposes.
    #[error("{address} is already sealed in {location}")]
    KeyThere {
        /// The address of the key.
        address: String,
        /// The other file or item.
        location: String,
    },
    /// Another process has changed or removed the key since it was read.
    #[error("{location} was changed by another process in the meantime, and was left as it is: run the command again")]
    Changed {
        /// The file or item.
        location: String,
    },
    /// The database does not answer, or denies the request.
    #[error("{location}: {reason}")]
    Failed {
        /// The item or container.
        location: String,
        /// Its answer.
        reason: String,
    },
    /// The database has not confirmed a write, and cannot be read.
    #[error(
        "{location}: {reason}. Whether it was written is unknown: the item has either its old or its new content, and either is \
         complete. Check it with: azurehsm-signer sealed check"
    )]
    Unconfirmed {
        /// The item.
        location: String,
        /// The last error.
        reason: String,
    },
}

impl SealedStoreError {
    pub(super) fn invalid(location: impl Into<String>, source: &InvalidSealedKey) -> Self {
        Self::Invalid { location: location.into(), reason: source.to_string() }
    }
}

/// Whether a key may be added to these. A key must not be stored twice, since the two could have different purposes.
pub(super) fn check_that_key_is_new(key: &SealedKey, entries: &[SealedEntry]) -> Result<(), SealedStoreError> {
    let is_same = |there: &&SealedEntry| there.key.as_ref().is_ok_and(|there| there.public_key() == key.public_key());
    match entries.iter().find(is_same) {
        Some(there) => Err(SealedStoreError::KeyThere {
            address: key.public_key().hash().to_string(),
            location: there.location.clone(),
        }),
        None => Ok(()),
    }
}
