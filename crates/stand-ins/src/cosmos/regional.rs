//! The endpoints of the account's regions.

use super::account::Account;
use super::errors;
use crate::answers::Answer;
use crate::double::{Double, Task};
use crate::faults::{Failure, Operation};
use hyper::http::request::Parts;
use std::sync::Arc;

/// A regional endpoint. It rejects writes with 403/3 while another region is the write region.
#[derive(Debug)]
pub(crate) struct RegionDouble {
    pub(super) name: String,
    pub(super) account: Arc<Account>,
}

impl Double for RegionDouble {
    fn operation(&self, head: &Parts) -> Operation {
        self.account.operation(head)
    }

    async fn work(&self, task: Task) -> Answer {
        let is_write = matches!(task.operation, Operation::CreateItem | Operation::ReplaceItem);
        if is_write && !self.account.regions.takes_writes(&self.name) {
            return errors::failure(Failure { status: 403, sub_status: Some(3), retry_after: None });
        }
        self.account.work(task).await
    }

    fn failure(&self, failure: Failure) -> Answer {
        self.account.failure(failure)
    }
}
