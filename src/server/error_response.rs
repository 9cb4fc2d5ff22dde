//! Errors as HTTP answers: the status of each, and a body that octez-client reads.

use super::answer_headers::set_cause;
use super::invalid::InvalidRequest;
use super::log_limit::warn_of_clients;
use crate::answer::Cause;
use crate::signer::{NotSigned, Refusal};
use axum::Json;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Once;
use tracing::{error, warn};

/// An answer other than 200: a status, and a list of one error as octez-client reads it. For the id `failure`, octez requires the
/// kind `temporary` and exactly the field `msg`.
pub(crate) struct ErrorResponse {
    status: StatusCode,
    cause: Cause,
    message: String,
}

impl ErrorResponse {
    /// An answer of another server than the signer's.
    pub(crate) const fn new(status: StatusCode, cause: Cause, message: String) -> Self {
        Self { status, cause, message }
    }
}

/// Logs the request here, since it never reached the signer.
impl From<InvalidRequest> for ErrorResponse {
    fn from(invalid: InvalidRequest) -> Self {
        let (status, message) = (invalid.status(), invalid.to_string());
        if matches!(invalid, InvalidRequest::HostEnvelope(_)) {
            // Every request fails alike until the host is replaced.
            static ONCE: Once = Once::new();
            ONCE.call_once(|| error!(event = "host_does_not_proxy", reason = message, "no request can be answered"));
        } else {
            warn_of_clients(|suppressed| {
                warn!(
                    event = "request_invalid",
                    status = status.as_u16(),
                    reason = message,
                    suppressed,
                    "invalid request"
                );
            });
        }
        Self { status, cause: Cause::Request, message }
    }
}

#[derive(Serialize)]
struct OctezError<'a> {
    kind: &'static str,
    id: &'static str,
    msg: &'a str,
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let error = OctezError { kind: "temporary", id: "failure", msg: &self.message };
        let mut response = (self.status, Json([error])).into_response();
        set_cause(response.headers_mut(), self.cause);
        if self.status == StatusCode::REQUEST_TIMEOUT {
            // Otherwise, the rest of the body would be read as the next request.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Maps verdicts to statuses. octez-client shows the messages of exactly these statuses, and repeats a request answered with 502.
impl From<NotSigned> for ErrorResponse {
    fn from(not_signed: NotSigned) -> Self {
        let status = match &not_signed {
            NotSigned::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            NotSigned::Refused(refusal) => match refusal {
                // No key here can sign for this address; another signer may have one.
                Refusal::UnknownKey { .. } | Refusal::UnusableKey { .. } => StatusCode::NOT_FOUND,
                Refusal::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
                Refusal::PossessionOf(_) => StatusCode::BAD_REQUEST,
                Refusal::Payload(_)
                | Refusal::VersionWithoutBls
                | Refusal::Policy(_)
                | Refusal::Purpose(_)
                | Refusal::NoPossession { .. } => StatusCode::FORBIDDEN,
                Refusal::Head(_) | Refusal::Mark(_) | Refusal::StoredSignatureInvalid => StatusCode::CONFLICT,
            },
        };
        Self { status, cause: not_signed.cause(), message: not_signed.to_string() }
    }
}
