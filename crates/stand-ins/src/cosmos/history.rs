//! A record of every accepted write, in order.

use crate::answers::Answer;
use crate::faults::Operation;
use bytes::Bytes;
use std::time::Instant;
use tokio::sync::RwLock;

/// One version of an item that the store accepted.
#[derive(Debug, Clone)]
pub struct StoredItem {
    /// When it was accepted: before any response could reveal it to a reader or to its writer.
    pub at: Instant,
    /// [`Operation::CreateItem`] or [`Operation::ReplaceItem`].
    pub operation: Operation,
    /// The item as JSON, as the client sent it.
    pub body: Bytes,
}

/// Every accepted write, if recording is on.
#[derive(Debug)]
pub(super) struct History(Option<RwLock<Vec<StoredItem>>>);

impl History {
    pub(super) fn new(is_kept: bool) -> Self {
        Self(is_kept.then(RwLock::default))
    }

    /// Does the work and records the item if it was stored. No reader sees an item before it is recorded.
    pub(super) async fn of_work<E>(
        &self,
        operation: Operation,
        body: &Bytes,
        work: impl Future<Output = Result<Answer, E>>,
    ) -> Result<Answer, E> {
        let Some(items) = &self.0 else { return work.await };
        if !matches!(operation, Operation::CreateItem | Operation::ReplaceItem) {
            let _unchanged = items.read().await;
            return work.await;
        }
        let mut items = items.write().await;
        let answer = work.await?;
        if answer.status().is_success() {
            items.push(StoredItem { at: Instant::now(), operation, body: body.clone() });
        }
        Ok(answer)
    }

    pub(super) async fn items(&self) -> Vec<StoredItem> {
        match &self.0 {
            Some(items) => items.read().await.clone(),
            None => Vec::new(),
        }
    }
}
