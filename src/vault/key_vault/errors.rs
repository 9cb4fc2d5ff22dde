//! Turns errors of the SDK into [`VaultError`].

use crate::azure::{plain_words, reason_of};
use crate::failure_reason::FailureReason;
use crate::vault::VaultError;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::StatusCode;
use azure_core::http::headers::RETRY_AFTER;
use serde::Deserialize;
use std::time::Duration;

/// Classifies an error of the SDK by whether a retry may succeed.
pub(super) fn vault_error(error: &Error) -> VaultError {
    let reason = reason(error);
    let ErrorKind::HttpResponse { status, raw_response, .. } = error.kind() else {
        return match error.kind() {
            // The SDK reports this for unexpected answers, such as a challenge for another service.
            ErrorKind::Other => VaultError::Untrusted(reason),
            _ => VaultError::unavailable(reason),
        };
    };
    let retry_after = || {
        let seconds = raw_response.as_ref()?.headers().get_optional_str(&RETRY_AFTER)?;
        // Never a date here; a date would be ignored, and the usual pause apply.
        seconds.trim().parse().ok().map(Duration::from_secs)
    };
    let may_pass = is_unauthorized(error)
        || matches!(status, StatusCode::RequestTimeout | StatusCode::TooManyRequests)
        || status.is_server_error();
    if may_pass {
        VaultError::Unavailable { reason, retry_after: retry_after() }
    } else if *status == StatusCode::NotFound {
        VaultError::Missing(reason)
    } else if matches!(status, StatusCode::Forbidden | StatusCode::Conflict) {
        VaultError::Denied(reason)
    } else {
        VaultError::Unable(reason)
    }
}

/// The client sees the status and the service's code; the service's messages name vaults and identities.
fn reason(error: &Error) -> FailureReason {
    let log = reason_of(error);
    let answer = match error.kind() {
        ErrorKind::HttpResponse { status, error_code, raw_response } => {
            let text = format!("{} {}", u16::from(*status), status.canonical_reason());
            let inner = raw_response.as_ref().and_then(|answer| inner_code(answer.body()));
            let codes: Vec<_> = error_code.iter().chain(&inner).map(String::as_str).collect();
            let codes = if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) };
            let text = format!("{text}{codes}");
            let answer = match inner.as_deref().and_then(state_of_key) {
                Some(state) => format!("{state}: {text}"),
                None => text.clone(),
            };
            return FailureReason::with_log(answer, format!("{text}: {log}"));
        }
        ErrorKind::Connection => "cannot connect",
        ErrorKind::Io => "connection lost, or no response",
        ErrorKind::Credential => "no access token",
        _ => "unexpected response",
    };
    FailureReason::with_log(plain_words(error).unwrap_or(answer), log)
}

/// The service's inner error code, such as `ForbiddenByRbac`.
fn inner_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        error: Outer,
    }
    #[derive(Deserialize)]
    struct Outer {
        #[serde(alias = "innerError")]
        innererror: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        code: String,
    }
    let code = serde_json::from_slice::<Body>(body).ok()?.error.innererror.code;
    let is_code = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then_some(code)
}

/// The state of the key, by the service's inner code.
fn state_of_key(code: &str) -> Option<&'static str> {
    match code {
        "KeyDisabled" => Some("the key is disabled"),
        "KeyExpired" => Some("the key has expired"),
        "KeyNotYetValid" => Some("the key is not valid yet"),
        _ => None,
    }
}

/// Whether the service rejected the token.
pub(super) fn is_unauthorized(error: &Error) -> bool {
    error.http_status() == Some(StatusCode::Unauthorized)
}
