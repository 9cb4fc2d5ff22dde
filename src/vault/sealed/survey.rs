//! The sealed keys as they are stored, for commands that show them without opening any.

use super::purpose::Purpose;
use super::sealing::SealedKey;
use super::source::SealedKeySource;
use crate::marks::StoreIdentity;
use crate::tezos::PublicKeyHash;
use futures::future::join_all;
use std::sync::Arc;
use tokio::time::Instant;

/// Why a key that is stored twice is not served.
pub(super) const TWICE: &str = "it is sealed twice, perhaps for different purposes: remove one of the two";

/// Why a key with another store is not served.
pub(super) const OTHER_STORE: &str = "it is sealed for another mark store";

/// All sealed keys, as they are stored.
#[derive(Debug, Default)]
pub struct Survey {
    /// The keys, by location and name.
    pub keys: Vec<ListedKey>,
    /// What is not a sealed key, each with the reason.
    pub unusable: Vec<String>,
    /// Why a folder or a container could not be read.
    pub unread: Vec<String>,
}

/// A sealed key that has the right form. Whether it can be opened is unknown.
#[derive(Debug)]
pub struct ListedKey {
    /// Its name.
    pub name: String,
    /// The file, or the item with its container.
    pub location: String,
    /// The key.
    pub key: SealedKey,
    /// Whether it is stored twice.
    is_twice: bool,
}

impl Survey {
    /// Lists the keys of all sources.
    pub async fn of(sources: &[Arc<dyn SealedKeySource>], deadline: Instant) -> Self {
        let mut survey = Self::default();
        for listed in join_all(sources.iter().map(|source| source.list(deadline))).await {
            let entries = match listed {
                Ok(entries) => entries,
                Err(reason) => {
                    survey.unread.push(reason.log().to_owned());
                    continue;
                }
            };
            for entry in entries {
                match entry.key {
                    Ok(key) => {
                        survey.keys.push(ListedKey {
                            name: entry.name,
                            location: entry.location,
                            key,
                            is_twice: false,
                        });
                    }
                    Err(reason) => survey.unusable.push(reason),
                }
            }
        }
        let addresses: Vec<_> = survey.keys.iter().map(ListedKey::hash).collect();
        for key in &mut survey.keys {
            let hash = key.hash();
            key.is_twice = addresses.iter().filter(|other| **other == hash).count() > 1;
        }
        survey
    }

    /// The addresses of the keys, each once.
    pub fn hashes(&self) -> Vec<PublicKeyHash> {
        let mut hashes = Vec::new();
        for key in &self.keys {
            if !hashes.contains(&key.hash()) {
                hashes.push(key.hash());
            }
        }
        hashes
    }
}

impl ListedKey {
    /// Its address.
    pub fn hash(&self) -> PublicKeyHash {
        self.key.public_key().hash()
    }

    /// What it is for.
    pub const fn purpose(&self) -> &Purpose {
        self.key.purpose()
    }

    /// Why it is not served with this store, if that is known without opening it. Without a store, stores are not compared.
    pub fn problem(&self, store: Option<&StoreIdentity>) -> Option<&'static str> {
        if self.is_twice {
            Some(TWICE)
        } else if store.is_some_and(|store| store != self.purpose().store()) {
            Some(OTHER_STORE)
        } else {
            None
        }
    }
}
