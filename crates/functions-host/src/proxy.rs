//! Sends requests to the handler and its answers back.

use crate::answer_body::AnswerBody;
use crate::body::{End, ProxyBody, RequestBody};
use crate::headers;
use crate::instance::{Instance, InstanceState};
use crate::log::LogLevel;
use crate::supervisor::Command;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// So often a request is sent at most.
const MAX_ATTEMPTS: u32 = 10;
const FIRST_DELAY: Duration = Duration::from_millis(50);
const MAX_DELAY: Duration = Duration::from_millis(250);

/// A request for a function.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) id: String,
    pub(crate) client: IpAddr,
    pub(crate) parts: Parts,
    pub(crate) body: RequestBody,
}

/// Why a client gets no answer of the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The handler did not take the request.
    BadGateway,
    /// Nothing moved for too long.
    GatewayTimeout,
    /// The function took too long.
    FunctionTimeout,
    /// The host has ended.
    HostStopped,
    /// The handler has ended and is not started again.
    HandlerEnded,
    /// The client has hung up.
    ClientFailed,
    /// The body is larger than a host takes.
    TooLarge,
}

impl Failure {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::FunctionTimeout | Self::HandlerEnded => StatusCode::INTERNAL_SERVER_ERROR,
            Self::HostStopped => StatusCode::SERVICE_UNAVAILABLE,
            Self::ClientFailed => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }
}

/// Sends a request to the handler of an instance, waiting for its first answer if need be.
pub(crate) async fn forward(instance: &Arc<Instance>, invocation: &Invocation) -> Result<Response<ProxyBody>, Failure> {
    let host_json = instance.setup.app.host_json();
    if !instance.takes_requests(host_json.initialization_timeout * 4).await {
        return Err(Failure::HostStopped);
    }
    let deadline = host_json.function_timeout.map(|timeout| Instant::now() + timeout);
    tokio::select! {
        answer = attempts(instance, invocation) => answer.map(|answer| passed_on(instance, answer, deadline)),
        () = until(deadline) => {
            instance.command(Command::RestartHandler);
            Err(Failure::FunctionTimeout)
        }
        () = idle(instance, &invocation.body) => Err(Failure::GatewayTimeout),
    }
}

async fn attempts(instance: &Instance, invocation: &Invocation) -> Result<Response<Incoming>, Failure> {
    let mut delay = FIRST_DELAY;
    let mut attempt = 1;
    loop {
        match instance.state() {
            InstanceState::Stopped => return Err(Failure::HostStopped),
            InstanceState::Ended => return Err(Failure::HandlerEnded),
            _ => {}
        }
        let request = request(instance, invocation).ok_or(Failure::BadGateway)?;
        match (instance.client().request(request).await, invocation.body.end()) {
            (Ok(answer), _) => return Ok(answer),
            (Err(_), Some(End::ClientFailed)) => return Err(Failure::ClientFailed),
            (Err(_), Some(End::TooLarge)) => return Err(Failure::TooLarge),
            (Err(_), None) => {}
        }
        if attempt == MAX_ATTEMPTS || !invocation.body.can_be_sent(instance.setup.options.resend) {
            return Err(Failure::BadGateway);
        }
        let message = format!(
            "Failed to proxy request to the worker. Retrying in {}ms. Attempt {attempt} of {MAX_ATTEMPTS}. Id={}",
            delay.as_millis(),
            invocation.id
        );
        instance.setup.log.host(instance.number, LogLevel::Warning, message);
        sleep(delay).await;
        delay = MAX_DELAY.min(delay * 2);
        attempt += 1;
    }
}

/// The request as the handler gets it.
fn request(instance: &Instance, invocation: &Invocation) -> Option<Request<ProxyBody>> {
    let parts = &invocation.parts;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri = format!("http://127.0.0.1:{}{path}", instance.port());
    let mut request = Request::builder().method(&parts.method).uri(uri).body(invocation.body.attempt()).ok()?;
    *request.headers_mut() = headers::for_handler(&parts.headers, invocation.client, &invocation.id);
    Some(request)
}

fn passed_on(instance: &Arc<Instance>, answer: Response<Incoming>, deadline: Option<Instant>) -> Response<ProxyBody> {
    let (mut parts, body) = answer.into_parts();
    headers::remove_hop_by_hop(&mut parts.headers);
    let handler = Arc::clone(instance);
    let too_late = move || handler.command(Command::RestartHandler);
    let body = AnswerBody::new(body, instance.setup.options.activity_timeout, deadline, too_late);
    Response::from_parts(parts, body.boxed())
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Ends when nothing of the body has moved for too long.
async fn idle(instance: &Instance, body: &RequestBody) {
    let longest = instance.setup.options.activity_timeout;
    let begin = Instant::now();
    loop {
        let end = begin.max(body.last_activity()) + longest;
        if Instant::now() >= end {
            return;
        }
        sleep_until(end).await;
    }
}
