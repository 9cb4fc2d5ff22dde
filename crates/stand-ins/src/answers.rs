//! HTTP responses: their type and how to build them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::Value;

/// A response with a complete body.
pub(crate) type Answer = Response<Full<Bytes>>;

/// A JSON response. An invalid status becomes 500.
pub(crate) fn json(status: u16, body: &Value) -> Answer {
    with_header(with_body(status, body.to_string()), CONTENT_TYPE, "application/json; charset=utf-8")
}

/// A response with this body, without headers. An invalid status becomes 500.
pub(crate) fn with_body(status: u16, body: impl Into<Full<Bytes>>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

/// Adds a header, unless the value is not a valid header value.
pub(crate) fn with_header(mut answer: Answer, name: HeaderName, value: impl AsRef<str>) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
        answer.headers_mut().insert(name, value);
    }
    answer
}
