//! The HTTP client of the push: ours, with the CA certificates and DNS of all other clients.

use super::headers::{Headers, InvalidHeaders};
use super::outage::{LastError, Outage};
use crate::azure::{NoCertificates, TlsRoots, reason_of};
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;
use tokio::runtime::Handle;

/// A response needs a few hundred bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Why a request did not get an answer.
#[derive(Debug, Error)]
enum RequestError {
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

/// Why nothing can be pushed.
#[derive(Debug, Error)]
pub(crate) enum PushError {
    #[error(transparent)]
    Certificates(#[from] NoCertificates),
    #[error("{}", reason_of(.0))]
    Client(#[from] reqwest::Error),
    #[error(transparent)]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// Sends requests on the runtime of the signer, for the exporter, which has a thread without one.
#[derive(Debug)]
pub(crate) struct OtlpClient {
    client: reqwest::Client,
    headers: HeaderSource,
    runtime: Handle,
    last_error: LastError,
}

/// Where the headers of the push come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderSource {
    /// `OTEL_EXPORTER_OTLP_HEADERS`.
    Given(Headers),
    /// The same, but the platform did not resolve the reference in it. Nothing is sent without credentials.
    Unresolved,
    /// `OTEL_EXPORTER_OTLP_HEADERS_FILE`.
    File(PathBuf),
}

impl OtlpClient {
    /// A client that notes in `outage` why a request failed. Call it within the runtime.
    ///
    /// # Errors
    /// [`PushError`].
    pub(crate) fn new(headers: HeaderSource, timeout: Duration, outage: &Outage) -> Result<Self, PushError> {
        let client = TlsRoots::read()?.client(timeout)?;
        Ok(Self { client, headers, runtime: Handle::current(), last_error: outage.last_error.clone() })
    }

    /// The file is read each time, so that a new secret in it is used at once.
    fn headers(&self) -> Result<Headers, RequestError> {
        match &self.headers {
            HeaderSource::Given(headers) => Ok(headers.clone()),
            HeaderSource::Unresolved => Err(InvalidHeaders::Unresolved.into()),
            HeaderSource::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|reason| RequestError::Unreadable { path: path.clone(), reason })?;
                text.parse().map_err(|reason| RequestError::File { path: path.clone(), reason })
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
                    return Err(RequestError::TooLong.into());
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
        self.last_error.replace(answer.as_ref().err().map(|error| reason_of(error.as_ref())));
        answer
    }
}
