//! Forwards requests to the handler, with retries where they are safe.

use crate::headers;
use crate::instance::{Command, Instance, InstanceState};
use crate::log::LogLevel;
use crate::route;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode, http};
use hyper_util::client::legacy;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Maximum number of attempts for a request, and the delays between them.
const MAX_ATTEMPTS: u32 = 10;
const FIRST_DELAY: Duration = Duration::from_millis(50);
const MAX_DELAY: Duration = Duration::from_millis(250);

/// Characters that the host encodes in a path, which it has decoded before.
const ENCODED_IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

/// A request to a function.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) id: String,
    pub(crate) client: IpAddr,
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
}

/// Why a client gets no response from the handler.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The host has stopped.
    #[error("the host has stopped")]
    HostStopped,
    /// The request cannot be forwarded.
    #[error("the request cannot be forwarded: {0}")]
    Request(#[from] http::Error),
    /// The request could not be sent.
    #[error("the request could not be sent to the handler: {0}")]
    Send(#[from] legacy::Error),
    /// No response, or an incomplete one.
    #[error("no response from the handler: {0}")]
    Receive(#[from] hyper::Error),
    /// Function timeout.
    #[error("no response from the handler within {0:?}")]
    FunctionTimeout(Duration),
}

impl Failure {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::HostStopped => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether the handler cannot have seen any of the request.
    fn is_unsent(&self) -> bool {
        let Self::Send(error) = self else { return false };
        let cause = error.source().and_then(|error| error.downcast_ref::<hyper::Error>());
        error.is_connect() || cause.is_some_and(hyper::Error::is_canceled)
    }
}

/// Sends a request to the handler of an instance, as soon as the handler has answered the host.
pub(crate) async fn forward(instance: &Instance, invocation: &Invocation) -> Result<Response<Full<Bytes>>, Failure> {
    instance.wait_for(|info| info.state != InstanceState::Starting).await;
    let (longest, handler) = (instance.setup.app.function_timeout, instance.info().handlers);
    if let Ok(answer) = timeout(longest, attempts(instance, invocation)).await {
        return answer;
    }
    instance.command(Command::ReplaceHandler(handler));
    Err(Failure::FunctionTimeout(longest))
}

async fn attempts(instance: &Instance, invocation: &Invocation) -> Result<Response<Full<Bytes>>, Failure> {
    let mut delay = FIRST_DELAY;
    for attempt in 1.. {
        if instance.info().state == InstanceState::Stopped {
            break;
        }
        let failure = match send(instance, invocation).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let is_repeatable = failure.is_unsent() || invocation.body.is_empty() || instance.setup.options.resend;
        if attempt == MAX_ATTEMPTS || !is_repeatable {
            return Err(failure);
        }
        let (delay_ms, id) = (delay.as_millis(), &invocation.id);
        let message = format!(
            "Failed to proxy request to the worker. Retrying in {delay_ms}ms. Attempt {attempt} of {MAX_ATTEMPTS}. Id={id}"
        );
        instance.log(LogLevel::Warning, message);
        sleep(delay).await;
        delay = MAX_DELAY.min(delay * 2);
    }
    Err(Failure::HostStopped)
}

async fn send(instance: &Instance, invocation: &Invocation) -> Result<Response<Full<Bytes>>, Failure> {
    let Invocation { id, client, parts, body } = invocation;
    let path = route::decoded(parts.uri.path());
    let path = utf8_percent_encode(&path, ENCODED_IN_PATH);
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri = format!("http://127.0.0.1:{}{path}{query}", instance.info().port);
    let mut request = Request::builder().method(&parts.method).uri(uri).body(Full::new(body.clone()))?;
    *request.headers_mut() = headers::for_handler(&parts.headers, *client, id);
    let (mut parts, body) = instance.client.request(request).await?.into_parts();
    parts.headers = headers::for_client(parts.headers);
    Ok(Response::from_parts(parts, Full::new(body.collect().await?.to_bytes())))
}
