//! A container of append blobs in Azure Storage, for an identity that may add blocks, and may read if a test allows it.

use crate::answers::{Answer, with_body, with_header};
use crate::double::{Controls, Double, Task, controllable};
use crate::faults::{Failure, Operation};
use crate::tokens::Tokens;
use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderName, IF_NONE_MATCH};
use hyper::http::request::Parts;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The name of the container.
const CONTAINER: &str = "audit";

/// Audience of its tokens.
const AUDIENCE: &str = "https://storage.azure.com";

/// Names on a page of a list: few, so that lists have several pages.
const PAGE_SIZE: usize = 2;

/// The double of the container.
#[derive(Debug, Clone)]
pub struct Blobs {
    pub(crate) controls: Arc<Controls>,
    service: Arc<Service>,
}

controllable!(Blobs);

#[derive(Debug)]
pub(crate) struct Service {
    tokens: Arc<Tokens>,
    blobs: Mutex<BTreeMap<String, Vec<u8>>>,
    allows_reads: AtomicBool,
}

impl Blobs {
    pub(crate) fn new(controls: Arc<Controls>, tokens: Arc<Tokens>) -> (Self, Arc<Service>) {
        let service = Arc::new(Service { tokens, blobs: Mutex::default(), allows_reads: AtomicBool::new(false) });
        (Self { controls, service: Arc::clone(&service) }, service)
    }

    /// The value for `AUDIT_CONTAINER_URL`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/{CONTAINER}", self.address().port())
    }

    /// Sets whether blobs may be listed and read, as by an auditor; a signer's role does not include that.
    pub fn allow_read(&self, allow: bool) {
        self.service.allows_reads.store(allow, Ordering::Relaxed);
    }

    /// The blobs by name.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.service.blobs().clone()
    }
}

/// The target of a request.
enum Route<'a> {
    Create(&'a str),
    Append(&'a str),
    List,
    Read(&'a str),
    Forbidden,
}

impl<'a> Route<'a> {
    fn of(head: &'a Parts) -> Self {
        let Some(path) = head.uri.path().strip_prefix('/').and_then(|path| path.strip_prefix(CONTAINER)) else {
            return Self::Forbidden;
        };
        let name = path.trim_start_matches('/');
        match (&head.method, head.uri.query(), name) {
            (&Method::PUT, None, name) if !name.is_empty() => Self::Create(name),
            (&Method::PUT, Some("comp=appendblock"), name) if !name.is_empty() => Self::Append(name),
            (&Method::GET, Some(query), "") if query.starts_with("restype=container&comp=list") => Self::List,
            (&Method::GET, None, name) if !name.is_empty() => Self::Read(name),
            _ => Self::Forbidden,
        }
    }
}

impl Service {
    fn blobs(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_authorized(&self, head: &Parts) -> bool {
        self.tokens.is_authorized(&head.headers, AUDIENCE)
    }

    fn answer(&self, head: &Parts, body: &[u8]) -> Answer {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        if header("x-ms-version").is_none() {
            return error(400, "MissingRequiredHeader");
        }
        match Route::of(head) {
            Route::Create(_) if header("x-ms-blob-type") != Some("AppendBlob") || !body.is_empty() => {
                error(400, "InvalidHeaderValue")
            }
            Route::Create(name) => {
                let mut blobs = self.blobs();
                // Without this condition, a request would replace the blob, which an immutable container forbids.
                if blobs.contains_key(name) || head.headers.get(IF_NONE_MATCH).is_none() {
                    return error(409, "BlobAlreadyExists");
                }
                blobs.insert(name.to_owned(), Vec::new());
                with_body(201, Bytes::new())
            }
            Route::Append(name) => {
                let mut blobs = self.blobs();
                let Some(blob) = blobs.get_mut(name) else { return error(404, "BlobNotFound") };
                let expected = header("x-ms-blob-condition-appendpos").and_then(|at| at.parse::<usize>().ok());
                if expected.is_some_and(|at| at != blob.len()) {
                    return error(412, "AppendPositionConditionNotMet");
                }
                blob.extend_from_slice(body);
                with_body(201, Bytes::new())
            }
            Route::List | Route::Read(_) if !self.allows_reads.load(Ordering::Relaxed) => {
                error(403, "AuthorizationPermissionMismatch")
            }
            Route::List => self.list(head.uri.query().unwrap_or_default()),
            Route::Read(name) => match self.blobs().get(name) {
                Some(content) => with_body(200, content.clone()),
                None => error(404, "BlobNotFound"),
            },
            Route::Forbidden => error(403, "AuthorizationPermissionMismatch"),
        }
    }

    fn list(&self, query: &str) -> Answer {
        let parameter = |wanted| {
            let found = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let (prefix, marker) = (parameter("prefix"), parameter("marker"));
        let blobs = self.blobs();
        let mut names = blobs.keys().filter(|name| name.starts_with(&prefix) && **name >= marker);
        let mut page = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>");
        for name in names.by_ref().take(PAGE_SIZE) {
            _ = write!(page, "<Blob><Name>{name}</Name><Properties/></Blob>");
        }
        let next = names.next().cloned().unwrap_or_default();
        _ = write!(page, "</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>");
        with_body(200, page)
    }
}

impl Double for Service {
    fn operation(&self, head: &Parts) -> Operation {
        if !self.is_authorized(head) {
            return Operation::Unauthorized;
        }
        match Route::of(head) {
            Route::Create(_) => Operation::CreateBlob,
            Route::Append(_) => Operation::AppendBlock,
            Route::List | Route::Read(_) => Operation::ReadBlob,
            Route::Forbidden => Operation::Other,
        }
    }

    async fn work(&self, task: Task) -> Answer {
        if task.operation == Operation::Unauthorized {
            return error(401, "InvalidAuthenticationInfo");
        }
        let (head, body) = task.request.into_parts();
        self.answer(&head, &body)
    }

    fn failure(&self, failure: Failure) -> Answer {
        error(failure.status, "ServerBusy")
    }
}

fn error(code: u16, name: &str) -> Answer {
    with_header(with_body(code, Bytes::new()), HeaderName::from_static("x-ms-error-code"), name)
}
