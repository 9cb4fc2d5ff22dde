use crate::marks::{Mark, MarkId};
use serde::{Deserialize, Serialize};

/// A mark as the container holds it. `id` is `<chain>:<public key hash>:<kind>`, and `pkh` is the partition key.
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

    /// Its own id, which names the container that it is in.
    pub(super) fn rid(&self) -> Option<&str> {
        self.rid.as_deref()
    }

    /// The mark, if it is the one that was asked for.
    pub(super) fn into_mark(self, id: &MarkId) -> Result<Mark, String> {
        if self.id == id.to_string() && self.pkh == id.key.to_string() {
            Ok(self.mark)
        } else {
            Err(format!("asked for {id}, it gave {} of {}", self.id, self.pkh))
        }
    }
}
