//! The HTTP client of the push: ours, with the CA certificates and DNS of all other clients.

use super::Headers;
use super::headers::InvalidHeaders;
use super::pipeline::HeaderSource;
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tokio::runtime::Handle;

/// A response needs a few hundred bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Why a push did not get an answer.
#[derive(Debug, Error)]
enum PushError {
    /// The headers cannot be used.
    #[error("OTEL_EXPORTER_OTLP_HEADERS: {0}")]
    Headers(#[from] InvalidHeaders),
    /// The file of headers cannot be used.
    #[error("OTEL_EXPORTER_OTLP_HEADERS_FILE: {}: {reason}", path.display())]
    File { path: PathBuf, reason: InvalidHeaders },
    /// The file of headers cannot be read.
    #[error("OTEL_EXPORTER_OTLP_HEADERS_FILE: {}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: io::Error },
    /// The response is too long.
    #[error("the response is longer than {MAX_RESPONSE_BYTES} bytes")]
    TooLong,
}

/// Sends requests on the runtime of the signer, for the exporter, which has a thread without one.
#[derive(Debug)]
pub(super) struct OtlpClient {
    client: reqwest::Client,
    headers: HeaderSource,
    runtime: Handle,
    last_error: LastError,
}

/// Why the last request failed, which the exporter's own error omits.
#[derive(Debug, Clone, Default)]
pub(super) struct LastError(Arc<Mutex<Option<String>>>);

impl LastError {
    fn replace(&self, error: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl OtlpClient {
    pub(super) fn new(client: reqwest::Client, headers: HeaderSource, runtime: Handle, last_error: LastError) -> Self {
        Self { client, headers, runtime, last_error }
    }

    /// The file is read each time, so that a new secret in it is used at once.
    fn headers(&self) -> Result<Headers, PushError> {
        match &self.headers {
            HeaderSource::Given(headers) => Ok(headers.clone()),
            HeaderSource::Unresolved => Err(InvalidHeaders::Unresolved.into()),
            HeaderSource::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|reason| PushError::Unreadable { path: path.clone(), reason })?;
                text.parse().map_err(|reason| PushError::File { path: path.clone(), reason })
            }
        }
    }

    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        for (name, value) in self.headers()?.iter() {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        let client = self.client.clone();
        let call = self.runtime.spawn(async move {
            let mut response = client.execute(reqwest::Request::try_from(request)?).await?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
                    return Err(PushError::TooLong.into());
                }
                body.extend_from_slice(&chunk);
            }
            let mut answer = Response::new(Bytes::from(body));
            *answer.status_mut() = response.status();
            *answer.headers_mut() = response.headers().clone();
            Ok(answer)
        });
        call.await?
    }
}

#[async_trait]
impl HttpClient for OtlpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.send(request).await;
        self.last_error.replace(answer.as_ref().err().map(|error| crate::azure::reason_of(error.as_ref())));
        answer
    }
}
