use super::complaints::warn_of_clients;
use crate::signer::{NotSigned, Refusal};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::warn;

/// An answer that is not 200: a status, and a list of one error as octez-client reads it. With the id `failure`, octez
/// wants the kind `temporary` and no field but `msg`.
pub(super) struct NotOk {
    status: StatusCode,
    message: String,
}

impl NotOk {
    /// An answer to something that never was a request to the signer, which would have logged it.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        warn_of_clients(|unsaid| warn!(status = status.as_u16(), reason = message, unsaid, "not understood"));
        Self { status, message }
    }
}

#[derive(Serialize)]
struct OctezError<'a> {
    kind: &'static str,
    id: &'static str,
    msg: &'a str,
}

impl IntoResponse for NotOk {
    fn into_response(self) -> Response {
        let error = OctezError { kind: "temporary", id: "failure", msg: &self.message };
        (self.status, Json([error])).into_response()
    }
}

/// Verdict to status. octez-client shows the message of just these, and would repeat a request answered with 502.
impl From<NotSigned> for NotOk {
    fn from(not_signed: NotSigned) -> Self {
        let status = match &not_signed {
            NotSigned::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            NotSigned::Refused(refusal) => match refusal {
                Refusal::UnknownKey { .. } => StatusCode::NOT_FOUND,
                Refusal::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
                Refusal::Payload(_)
                | Refusal::VersionWithoutBls
                | Refusal::Policy(_)
                | Refusal::NoPossession { .. } => StatusCode::FORBIDDEN,
                Refusal::Head(_) | Refusal::Mark(_) | Refusal::StoredSignatureInvalid => StatusCode::CONFLICT,
            },
        };
        Self { status, message: not_signed.to_string() }
    }
}
