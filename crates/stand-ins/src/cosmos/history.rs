//! A record of every accepted write, in order.

use crate::answers::Answer;
use crate::faults::Operation;
use bytes::Bytes;
use std::time::{Duration, Instant};
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

    /// Does something that replaces all items by those that it returns, while no request reads or writes. Returns the time of
    /// the replacement: earlier requests met the old items, and later ones meet the new ones. Without history, requests are not
    /// kept out.
    pub(super) async fn of_restore(&self, work: impl Future<Output = Vec<Bytes>>) -> Instant {
        let Some(items) = &self.0 else {
            work.await;
            return Instant::now();
        };
        let mut items = items.write().await;
        let restored = work.await;
        let lost = Instant::now();
        let at = lost + Duration::from_nanos(1);
        items.extend(restored.into_iter().map(|body| StoredItem { at, operation: Operation::CreateItem, body }));
        lost
    }

    pub(super) async fn items(&self) -> Vec<StoredItem> {
        match &self.0 {
            Some(items) => items.read().await.clone(),
            None => Vec::new(),
        }
    }
}
