//! Answers other than 200. Octez reads neither 429 nor 503, and repeats a request after 502, so the relay sends none of them.

use super::admission::NotAdmitted;
use super::reply::Reply;
use crate::answer::{Cause, header};
use crate::server::{ErrorResponse, warn_of_clients};
use crate::tezos::PublicKeyHash;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tracing::warn;

/// A request that is not forwarded.
pub(super) fn not_admitted(error: &NotAdmitted) -> ErrorResponse {
    warn_of_clients(|suppressed| {
        warn!(event = "relay_request_refused", reason = %error, suppressed, "the request is not forwarded");
    });
    let cause = if error.status() == StatusCode::UNAUTHORIZED { Cause::Unauthenticated } else { Cause::Policy };
    ErrorResponse::new(error.status(), cause, error.to_string())
}

/// A request whose body did not arrive by the deadline.
pub(super) fn body_late(deadline: Duration) -> ErrorResponse {
    let ms = deadline.as_millis();
    let message = format!("the body did not arrive within {ms} ms (RELAY_DEADLINE_MS)");
    ErrorResponse::new(StatusCode::REQUEST_TIMEOUT, Cause::Request, message)
}

/// No upstream gave an answer that counts.
pub(super) fn failed(reason: String) -> ErrorResponse {
    ErrorResponse::new(StatusCode::INTERNAL_SERVER_ERROR, Cause::Upstream, reason)
}

/// The upstreams have no such key.
pub(super) fn no_key(hash: &PublicKeyHash) -> ErrorResponse {
    ErrorResponse::new(StatusCode::NOT_FOUND, Cause::UnknownKey, format!("no key {hash} at any upstream"))
}

/// A signer's own answer, unchanged.
pub(super) fn passed(reply: &Reply) -> Response {
    let mut response = (readable(reply.status), reply.body.clone()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(signer) = &reply.signer {
        headers.insert(header::VERDICT, HeaderValue::from_static(signer.verdict.name()));
        if let Some(cause) = signer.cause {
            headers.insert(header::REASON, HeaderValue::from_static(cause.name()));
        }
    }
    response
}

/// The status, or 500 in place of one that octez does not read.
const fn readable(status: StatusCode) -> StatusCode {
    match status.as_u16() {
        200 | 400 | 401 | 403 | 404 | 408 | 409 | 413 => status,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
