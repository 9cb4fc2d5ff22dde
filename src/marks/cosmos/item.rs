//! The items in the container.

use crate::tezos::PublicKeyHash;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A mark or the stops of a key, as stored in the container. `id` is `<chain>:<public key hash>:<kind>` or
/// `<public key hash>:stop`, and `pkh` is the partition key.
#[derive(Serialize, Deserialize)]
pub(super) struct Item<T> {
    id: String,
    pkh: String,
    /// Set by the service.
    #[serde(rename = "_rid", default, skip_serializing)]
    rid: Option<String>,
    #[serde(flatten)]
    contents: T,
}

impl<T> Item<T> {
    pub(super) fn new(name: &str, key: &PublicKeyHash, contents: T) -> Self {
        Self { id: name.to_owned(), pkh: key.to_string(), rid: None, contents }
    }

    /// The item's resource id, which identifies its container.
    pub(super) fn rid(&self) -> Option<&str> {
        self.rid.as_deref()
    }

    /// The contents, if the item is the requested one.
    pub(super) fn into_contents(self, name: &str, key: &PublicKeyHash) -> Result<T, WrongItem> {
        if self.id == name && self.pkh == key.to_string() {
            Ok(self.contents)
        } else {
            Err(WrongItem { requested: name.to_owned(), id: self.id, pkh: self.pkh })
        }
    }
}

/// The service returned another item.
#[derive(Debug, Error)]
#[error("requested {requested}, received {id} of {pkh}")]
pub(super) struct WrongItem {
    requested: String,
    id: String,
    pkh: String,
}
