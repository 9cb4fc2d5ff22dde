//! What this signer did, for participation.

use super::Signer;
use crate::marks::{Mark, MarkId, StoreError};
use crate::participation::{Answers, Records};
use std::time::Duration;
use tokio::time::Instant;

/// How long reading a mark for participation may take. Nothing waits for it.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

impl Records for Signer {
    fn answers(&self) -> &Answers {
        &self.answers
    }

    async fn mark(&self, id: &MarkId) -> Result<Option<Mark>, StoreError> {
        let stored = self.ledger.store().read(id, Instant::now() + READ_TIMEOUT).await?;
        Ok(stored.map(|stored| stored.mark))
    }
}
