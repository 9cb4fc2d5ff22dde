//! The client of a container of append blobs: creates blobs and appends to them, and lists and reads them for an auditor.
//!
//! The REST API of Azure Storage, with tokens of this process's identity. The service needs no permission but to add blocks.

use crate::azure::{TlsRoots, Tokens, reason_of};
use azure_core::credentials::TokenCredential;
use reqwest::header::{CONTENT_LENGTH, IF_NONE_MATCH};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// The scope of tokens for Azure Storage, in every cloud.
pub(crate) const SCOPE: &str = "https://storage.azure.com/.default";

/// The version of the REST API.
const API_VERSION: &str = "2021-12-02";

/// The timeout of a request. Nothing waits for it but the next batch.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Limit of a page of names, and of a blob: 50,000 blocks of the writer's size would be more, but none comes near.
const MAX_ANSWER_BYTES: usize = 512 * 1024 * 1024;

/// The address of a container: `https://<account>.blob.core.windows.net/<container>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerUrl(Url);

/// A text that is not the address of a container. The message leaves the text out, which may contain a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected https://<account>.blob.core.windows.net/<container>, without a query")]
pub struct InvalidContainerUrl;

impl FromStr for ContainerUrl {
    type Err = InvalidContainerUrl;

    fn from_str(text: &str) -> Result<Self, InvalidContainerUrl> {
        let url = Url::parse(text).map_err(|_| InvalidContainerUrl)?;
        let is_plain = url.query().is_none() && url.fragment().is_none() && url.password().is_none();
        let segments: Vec<_> = url.path().trim_end_matches('/').split('/').skip(1).collect();
        let [container] = segments[..] else { return Err(InvalidContainerUrl) };
        let is_name = container.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        if url.scheme() == "https" && is_plain && url.username().is_empty() && is_name && container.len() >= 3 {
            let mut url = url.clone();
            url.set_path(&format!("/{container}"));
            Ok(Self(url))
        } else {
            Err(InvalidContainerUrl)
        }
    }
}

impl fmt::Display for ContainerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str())
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BlobError {
    /// No token.
    #[error("no token for Azure Storage: {0}")]
    Token(String),
    /// No answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// An HTTP status other than success.
    #[error("{call} answered {status}{}", code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Status {
        /// The call.
        call: &'static str,
        /// The HTTP status.
        status: u16,
        /// The service's code.
        code: Option<String>,
    },
    /// A body that is too long, or not text.
    #[error("the response of {0} is not as expected")]
    Unreadable(&'static str),
}

impl BlobError {
    /// Whether the blob takes no more blocks: it has 50,000, or it was sealed or replaced.
    pub(super) const fn is_of_blob(&self) -> bool {
        matches!(self, Self::Status { status: 404 | 409, .. })
    }
}

/// The container, for one identity.
pub struct Container {
    url: ContainerUrl,
    client: reqwest::Client,
    tokens: Arc<Tokens>,
}

impl Container {
    /// Sends no requests yet.
    ///
    /// # Errors
    /// If the HTTP client cannot be created.
    pub fn new(url: ContainerUrl, tokens: Arc<Tokens>, roots: &TlsRoots) -> Result<Self, reqwest::Error> {
        tokens.keep(SCOPE);
        Ok(Self { url, client: roots.client(ANSWER_TIMEOUT)?, tokens })
    }

    /// Its address.
    pub const fn url(&self) -> &ContainerUrl {
        &self.url
    }

    /// Creates an empty append blob.
    ///
    /// # Errors
    /// [`BlobError`], also if it exists.
    pub async fn create(&self, name: &str) -> Result<(), BlobError> {
        let request = self.request(Method::PUT, name, None);
        let request =
            request.header("x-ms-blob-type", "AppendBlob").header(IF_NONE_MATCH, "*").header(CONTENT_LENGTH, 0);
        self.send("Put Blob", request).await.map(drop)
    }

    /// Appends a block to a blob that nobody else writes to. `at` is the length of the blob: if it is longer, this block was appended
    /// by an earlier attempt whose answer was lost.
    ///
    /// # Errors
    /// [`BlobError`]; then the block may have been appended.
    pub async fn append(&self, name: &str, at: u64, block: Vec<u8>) -> Result<(), BlobError> {
        let request = self.request(Method::PUT, name, Some("comp=appendblock"));
        let request = request.header("x-ms-blob-condition-appendpos", at).body(block);
        match self.send("Append Block", request).await {
            Err(BlobError::Status { code: Some(code), .. }) if code == "AppendPositionConditionNotMet" => Ok(()),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether this identity may append to blobs. Writes nothing: the blob does not exist, which the service checks last.
    ///
    /// # Errors
    /// [`BlobError`]
    pub async fn may_append(&self) -> Result<(), BlobError> {
        let request = self.request(Method::PUT, "doctor/absent.jsonl", Some("comp=appendblock")).body("\n");
        match self.send("Append Block", request).await {
            Err(BlobError::Status { code: Some(code), .. }) if code == "BlobNotFound" => Ok(()),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The names of all blobs that begin with this prefix, in their order.
    ///
    /// # Errors
    /// [`BlobError`]
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        const CALL: &str = "List Blobs";
        let mut names = Vec::new();
        let mut marker = String::new();
        loop {
            let query = format!("restype=container&comp=list&prefix={prefix}&marker={marker}");
            let body = read(CALL, self.send(CALL, self.request(Method::GET, "", Some(&query))).await?).await?;
            let page = String::from_utf8(body).map_err(|_| BlobError::Unreadable(CALL))?;
            names.extend(elements(&page, "Name").map(str::to_owned));
            match elements(&page, "NextMarker").next() {
                Some(next) if !next.is_empty() => next.clone_into(&mut marker),
                _ => return Ok(names),
            }
        }
    }

    /// The content of a blob.
    ///
    /// # Errors
    /// [`BlobError`]
    pub async fn read(&self, name: &str) -> Result<Vec<u8>, BlobError> {
        const CALL: &str = "Get Blob";
        read(CALL, self.send(CALL, self.request(Method::GET, name, None)).await?).await
    }

    fn request(&self, method: Method, name: &str, query: Option<&str>) -> RequestBuilder {
        let mut url = self.url.0.clone();
        if !name.is_empty() {
            url.set_path(&format!("{}/{name}", url.path()));
        }
        url.set_query(query);
        self.client.request(method, url).header("x-ms-version", API_VERSION)
    }

    async fn send(&self, call: &'static str, request: RequestBuilder) -> Result<Response, BlobError> {
        let token = self.tokens.get_token(&[SCOPE], None).await.map_err(|error| BlobError::Token(reason_of(&error)))?;
        let answer = request.bearer_auth(token.token.secret()).send().await;
        let answer = answer.map_err(|error| BlobError::NoAnswer(reason_of(&error.without_url())))?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.tokens.renew(SCOPE);
        }
        if answer.status().is_success() {
            return Ok(answer);
        }
        let code = answer.headers().get("x-ms-error-code").and_then(|code| code.to_str().ok()).map(str::to_owned);
        Err(BlobError::Status { call, status: answer.status().as_u16(), code })
    }
}

async fn read(call: &'static str, mut answer: Response) -> Result<Vec<u8>, BlobError> {
    let mut body = Vec::new();
    while let Some(chunk) =
        answer.chunk().await.map_err(|error| BlobError::NoAnswer(reason_of(&error.without_url())))?
    {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(BlobError::Unreadable(call));
        }
    }
    Ok(body)
}

/// The texts of all elements with this name. The names of our blobs have no character that XML escapes.
fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&start)?;
        let (text, after) = after.split_once(&end)?;
        rest = after;
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_an_account_and_a_name() {
        for (text, expected) in [
            ("https://a.blob.core.windows.net/audit", Some("https://a.blob.core.windows.net/audit")),
            ("https://a.blob.core.windows.net/audit/", Some("https://a.blob.core.windows.net/audit")),
            ("https://localhost:1234/audit", Some("https://localhost:1234/audit")),
            ("http://a.blob.core.windows.net/audit", None),
            ("https://a.blob.core.windows.net/", None),
            ("https://a.blob.core.windows.net/audit/more", None),
            ("https://a.blob.core.windows.net/Audit", None),
            ("https://a.blob.core.windows.net/audit?sig=secret", None),
            ("audit", None),
        ] {
            let parsed = text.parse::<ContainerUrl>().ok().map(|url| url.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn names_are_read_from_a_page() {
        let page = "<?xml version=\"1.0\"?><EnumerationResults><Blobs><Blob><Name>2026-01-02/a.jsonl</Name></Blob>\
                    <Blob><Name>2026-01-02/b.jsonl</Name></Blob></Blobs><NextMarker>2</NextMarker></EnumerationResults>";
        assert_eq!(elements(page, "Name").collect::<Vec<_>>(), ["2026-01-02/a.jsonl", "2026-01-02/b.jsonl"]);
        assert_eq!(elements(page, "NextMarker").next(), Some("2"));
    }
}
