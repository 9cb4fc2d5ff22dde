//! The Cosmos DB account: authorization, permissions, and the account document.

use super::emulator::{Emulator, KEYS_CONTAINER};
use super::errors;
use super::history::History;
use super::regions::Regions;
use super::roles::Needed;
use crate::answers::{Answer, json};
use crate::double::{Double, Task};
use crate::faults::{Failure, Operation};
use crate::tokens::Tokens;
use http_body_util::BodyExt;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The audience of tokens for Cosmos DB.
const AUDIENCE: &str = "https://cosmos.azure.com";

#[derive(Debug)]
pub(crate) struct Account {
    pub(super) emulator: Emulator,
    pub(super) tokens: Arc<Tokens>,
    pub(super) properties: Mutex<Properties>,
    pub(super) may_delete: AtomicBool,
    pub(super) may_query: AtomicBool,
    pub(super) may_write_keys: AtomicBool,
    pub(super) history: History,
    pub(super) regions: Regions,
}

/// Settings that the account document reports.
#[derive(Debug, Clone)]
pub(super) struct Properties {
    /// The account's name.
    pub(super) id: String,
    pub(super) consistency: String,
    pub(super) has_multiple_write_locations: bool,
}

impl Account {
    /// A signer may read and list sealed keys, and an operator may also write them.
    fn operation_on_keys(&self, needed: Needed) -> Operation {
        match needed.operation {
            Operation::CreateItem | Operation::ReplaceItem if !self.may_write_keys.load(Ordering::Relaxed) => {
                Operation::Other
            }
            Operation::Other if needed.is_query() => Operation::Query,
            operation => operation,
        }
    }

    fn is_authorized(&self, head: &Parts) -> bool {
        let header = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // The whole value is percent-encoded: type%3Daad%26ver%3D1.0%26sig%3D…
        let decoded = percent_decoded(header);
        let token = decoded.strip_prefix("type=aad&ver=1.0&sig=");
        token.is_some_and(|token| self.tokens.is_valid(token, AUDIENCE))
    }

    async fn answer(&self, task: Task) -> Result<Answer, Answer> {
        let (head, body) = task.request.into_parts();
        if task.operation == Operation::Unauthorized {
            return Err(errors::unauthorized());
        }
        let needed = Needed::of(&head);
        let is_of_keys = is_of_sealed_keys(&head);
        let is_granted = needed.is_delete_of_item() && !is_of_keys && self.may_delete.load(Ordering::Relaxed);
        if task.operation == Operation::Other && !is_granted {
            return Err(errors::forbidden(&needed.action(), head.uri.path().trim_matches('/')));
        }
        let work = self.emulator.answer(hyper::Request::from_parts(head, body.clone()));
        // The history is that of the marks.
        let answer = if is_of_keys { work.await } else { self.history.of_work(needed.operation, &body, work).await };
        let answer = answer.map_err(|why| errors::cannot_serve(&why))?;
        if needed.operation == Operation::Account { self.with_properties(answer).await } else { Ok(answer) }
    }

    /// The emulator's account document, with our settings in it.
    async fn with_properties(&self, answer: Answer) -> Result<Answer, Answer> {
        let properties = self.properties.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (head, body) = answer.into_parts();
        let cannot = |why: String| errors::cannot_serve(&why);
        let body = body.collect().await.map_err(|error| cannot(error.to_string()))?.to_bytes();
        let mut account: Value = serde_json::from_slice(&body).map_err(|error| cannot(error.to_string()))?;
        if let Some(account) = account.as_object_mut() {
            account.insert("id".to_owned(), properties.id.into());
            let policy = json!({ "defaultConsistencyLevel": properties.consistency });
            account.insert("userConsistencyPolicy".to_owned(), policy);
            account.insert("enableMultipleWriteLocations".to_owned(), properties.has_multiple_write_locations.into());
            account.insert("writableLocations".to_owned(), self.regions.writable());
            account.insert("readableLocations".to_owned(), self.regions.readable());
            // Clients ignore a document whose ETag they have seen.
            account.insert("_etag".to_owned(), self.regions.version().into());
        }
        let mut answer = json(head.status.as_u16(), &account);
        for (name, value) in head.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-ms-")) {
            answer.headers_mut().insert(name, value.clone());
        }
        Ok(answer)
    }
}

impl Double for Account {
    fn operation(&self, head: &Parts) -> Operation {
        if !self.is_authorized(head) {
            return Operation::Unauthorized;
        }
        match Needed::of(head) {
            needed if is_of_sealed_keys(head) => self.operation_on_keys(needed),
            needed if needed.is_query() && self.may_query.load(Ordering::Relaxed) => Operation::Query,
            needed => needed.operation,
        }
    }

    async fn work(&self, task: Task) -> Answer {
        self.answer(task).await.unwrap_or_else(|error| error)
    }

    fn failure(&self, failure: Failure) -> Answer {
        errors::failure(failure)
    }
}

fn is_of_sealed_keys(head: &Parts) -> bool {
    head.uri.path().split('/').filter(|segment| !segment.is_empty()).nth(3) == Some(KEYS_CONTAINER)
}

fn percent_decoded(text: &str) -> String {
    // The name of the first form field, since '=' and '&' are encoded; '+' does not occur in our tokens.
    url::form_urlencoded::parse(text.as_bytes()).map(|(name, _)| name.into_owned()).next().unwrap_or_default()
}
