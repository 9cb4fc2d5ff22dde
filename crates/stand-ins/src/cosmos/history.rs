//! What was ever stored, in order.

use crate::answers::Answer;
use crate::faults::Operation;
use bytes::Bytes;
use std::time::Instant;
use tokio::sync::RwLock;

/// A version of an item, as a client wrote it and the store accepted it.
#[derive(Debug, Clone)]
pub struct StoredItem {
    /// When it was accepted. No answer about it was sent before, to its writer or to a reader.
    pub at: Instant,
    /// [`Operation::CreateItem`] or [`Operation::ReplaceItem`].
    pub operation: Operation,
    /// The item, as JSON.
    pub body: Bytes,
}

/// What was ever stored, if it is kept.
#[derive(Debug)]
pub(super) struct History(Option<RwLock<Vec<StoredItem>>>);

impl History {
    pub(super) fn new(is_kept: bool) -> Self {
        Self(is_kept.then(RwLock::default))
    }

    /// Does the work, and notes the item if it was stored. Nobody reads an item before it is noted.
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
