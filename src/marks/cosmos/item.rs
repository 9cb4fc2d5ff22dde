//! The items in the container.

use crate::marks::StoreRole;
use crate::tezos::PublicKeyHash;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A mark or the stops of a key, as stored in the container. `id` is `<chain>:<public key hash>:<kind>` or
/// `<public key hash>:stop`. The partition key is `pkh`, and in the container of an observer `observed_pkh`.
#[derive(Serialize, Deserialize)]
pub(super) struct Item<T> {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pkh: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observed_pkh: Option<String>,
    /// Set by the service.
    #[serde(rename = "_rid", default, skip_serializing)]
    rid: Option<String>,
    #[serde(flatten)]
    contents: T,
}

impl<T> Item<T> {
    pub(super) fn new(name: &str, key: &PublicKeyHash, contents: T, role: StoreRole) -> Self {
        let key = Some(key.to_string());
        let (pkh, observed_pkh) = match role {
            StoreRole::Signing => (key, None),
            StoreRole::Observing => (None, key),
        };
        Self { id: name.to_owned(), pkh, observed_pkh, rid: None, contents }
    }

    /// The item's resource id, which identifies its container.
    pub(super) fn rid(&self) -> Option<&str> {
        self.rid.as_deref()
    }

    /// The contents, if the item is the requested one.
    pub(super) fn into_contents(self, name: &str, key: &PublicKeyHash) -> Result<T, WrongItem> {
        let pkh = self.pkh.or(self.observed_pkh).unwrap_or_default();
        if self.id == name && pkh == key.to_string() {
            Ok(self.contents)
        } else {
            Err(WrongItem { requested: name.to_owned(), id: self.id, pkh })
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
