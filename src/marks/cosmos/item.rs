//! The item of a mark in the container.

use crate::marks::{Mark, MarkId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A mark as stored in the container. `id` is `<chain>:<public key hash>:<kind>`, and `pkh` is the partition key.
#[derive(Serialize, Deserialize)]
pub(super) struct Item {
    id: String,
    pkh: String,
    /// Set by the service.
    #[serde(rename = "_rid", default, skip_serializing)]
    rid: Option<String>,
    #[serde(flatten)]
    mark: Mark,
}

impl Item {
    pub(super) fn new(id: &MarkId, mark: &Mark) -> Self {
        Self { id: id.to_string(), pkh: id.key.to_string(), rid: None, mark: mark.clone() }
    }

    /// The item's resource id, which identifies its container.
    pub(super) fn rid(&self) -> Option<&str> {
        self.rid.as_deref()
    }

    /// The mark, if the item is the requested one.
    pub(super) fn into_mark(self, id: &MarkId) -> Result<Mark, WrongItem> {
        if self.id == id.to_string() && self.pkh == id.key.to_string() {
            Ok(self.mark)
        } else {
            Err(WrongItem { requested: *id, id: self.id, pkh: self.pkh })
        }
    }
}

/// The service returned another item.
#[derive(Debug, Error)]
#[error("requested {requested}, received {id} of {pkh}")]
pub(super) struct WrongItem {
    requested: MarkId,
    id: String,
    pkh: String,
}
