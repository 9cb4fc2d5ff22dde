//! The endpoints of the account: its own, and those of its regions.

use super::account::Account;
use super::errors;
use crate::answers::Answer;
use crate::double::{Double, Task};
use crate::faults::{Failure, Operation};
use hyper::http::request::Parts;
use std::sync::Arc;

/// An endpoint. While its region is cut off, it answers nothing; a write waits until enough regions have confirmed it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// The region; `None` for the account's own endpoint, which belongs to the write region.
    pub(super) region: Option<String>,
    pub(super) account: Arc<Account>,
}

impl Double for Endpoint {
    fn operation(&self, head: &Parts) -> Operation {
        self.account.operation(head)
    }

    async fn work(&self, task: Task) -> Answer {
        match self.until_ready(task.operation).await {
            Ok(()) => self.account.work(task).await,
            Err(failure) => errors::failure(failure),
        }
    }

    fn failure(&self, failure: Failure) -> Answer {
        self.account.failure(failure)
    }
}

impl Endpoint {
    async fn until_ready(&self, operation: Operation) -> Result<(), Failure> {
        let regions = &self.account.regions;
        let region = self.region.clone().unwrap_or_else(|| regions.write_region());
        regions.until_reachable(&region).await?;
        if matches!(operation, Operation::CreateItem | Operation::ReplaceItem) {
            regions.until_committed(&region).await?;
        }
        Ok(())
    }
}
