//! Answers and their parts.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::Value;

/// An answer, with its whole body.
pub(crate) type Answer = Response<Full<Bytes>>;

/// This JSON with this status.
pub(crate) fn json(status: u16, body: &Value) -> Answer {
    let mut answer = Response::new(Full::from(body.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_header(answer, CONTENT_TYPE, "application/json; charset=utf-8")
}

/// The same answer with a header more, unless its value cannot be one.
pub(crate) fn with_header(mut answer: Answer, name: HeaderName, value: impl AsRef<str>) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
        answer.headers_mut().insert(name, value);
    }
    answer
}
