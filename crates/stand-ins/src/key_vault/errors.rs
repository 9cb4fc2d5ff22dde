//! Error responses as Key Vault words them.

use super::keys::{Refusal, Version};
use crate::answers::{Answer, json, with_header};
use crate::faults::Failure;
use crate::random;
use hyper::header::RETRY_AFTER;
use serde_json::{Value, json};

/// A service error, before it becomes a response.
#[derive(Debug)]
pub(super) struct ServiceError {
    status: u16,
    code: &'static str,
    inner: Option<&'static str>,
    message: String,
}

impl ServiceError {
    /// The status, and the body.
    pub(super) fn parts(&self) -> (u16, String) {
        (self.status, self.document().to_string())
    }

    pub(super) fn into_answer(self) -> Answer {
        json(self.status, &self.document())
    }

    fn document(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(inner), Some(error)) = (self.inner, error.as_object_mut()) {
            error.insert("innererror".to_owned(), json!({ "code": inner }));
        }
        json!({ "error": error })
    }
}

fn error(status: u16, code: &'static str, inner: Option<&'static str>, message: impl Into<String>) -> ServiceError {
    ServiceError { status, code, inner, message: message.into() }
}

pub(super) fn key_not_found(name: &str, version: &str) -> ServiceError {
    let id = if version.is_empty() { name.to_owned() } else { format!("{name}/{version}") };
    let message = format!(
        "A key with (name/id) {id} was not found in this key vault. If you recently deleted this key you may be able to \
         recover it using the correct recovery command. For help resolving this issue, please see \
         https://go.microsoft.com/fwlink/?linkid=2125182"
    );
    error(404, "KeyNotFound", None, message)
}

pub(super) fn unauthorized() -> ServiceError {
    error(401, "Unauthorized", None, "AKV10000: Request is missing a Bearer or PoP token.")
}

pub(super) fn forbidden_by_role(action: &str) -> ServiceError {
    let message = format!(
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role \
         definitions were changed recently, please observe propagation time.\r\nCaller: \
         appid=00000000-0000-0000-0000-000000000000;oid=00000000-0000-0000-0000-000000000000\r\nAction: '{action}'\r\n\
         DecisionReason: 'DeniedWithNoValidRBAC'"
    );
    error(403, "Forbidden", Some("ForbiddenByRbac"), message)
}

pub(super) fn bad_parameter(message: impl Into<String>) -> ServiceError {
    error(400, "BadParameter", None, message)
}

pub(super) fn refused(version: &Version, operation: &str, refusal: Refusal) -> ServiceError {
    let (inner, message) = match refusal {
        Refusal::Disabled => ("KeyDisabled", format!("Operation {operation} is not allowed on a disabled key.")),
        Refusal::NotYetValid => {
            let begin = version.properties.not_before.unwrap_or_default();
            ("KeyNotYetValid", format!("Operation {operation} is not allowed before the key's time, {begin}."))
        }
        Refusal::Expired => ("KeyExpired", format!("Operation {operation} is not allowed on an expired key.")),
        Refusal::NotPermitted => {
            ("KeyOperationForbidden", format!("Operation {operation} is not permitted on this key."))
        }
    };
    error(403, "Forbidden", Some(inner), message)
}

pub(super) fn not_released(message: &str) -> ServiceError {
    error(403, "Forbidden", None, message)
}

pub(super) fn failure(failure: Failure) -> Answer {
    let (code, message) = match failure.status {
        429 => (
            "Throttled",
            "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
        ),
        401 => ("Unauthorized", "AKV10000: Request is missing a Bearer or PoP token."),
        403 => ("Forbidden", "The request is forbidden."),
        503 => ("ServiceUnavailable", "The service is temporarily unavailable. Please try again later."),
        _ => ("InternalServerError", "An internal server error has occurred."),
    };
    // Real errors include the time and a request id: no two responses are alike.
    let message = format!("{message} Request id: {}", random::identifier());
    let answer = error(failure.status, code, None, message).into_answer();
    match failure.retry_after {
        Some(after) => with_header(answer, RETRY_AFTER, after.as_secs_f64().ceil().to_string()),
        None => answer,
    }
}
