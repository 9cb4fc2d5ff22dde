use crate::azure::reason_of;
use crate::vault::VaultError;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::StatusCode;
use azure_core::http::headers::RETRY_AFTER;
use std::time::Duration;

/// What an answer of the SDK means: whether it may work when tried again.
pub(super) fn vault_error(error: &Error) -> VaultError {
    let why = match error.http_status() {
        Some(status) => format!("{} {}: {}", u16::from(status), status.canonical_reason(), reason_of(error)),
        None => reason_of(error),
    };
    let ErrorKind::HttpResponse { status, raw_response, .. } = error.kind() else {
        return match error.kind() {
            // The SDK's word for what it does not expect, such as a challenge for another service.
            ErrorKind::Other => VaultError::Unable(why),
            _ => VaultError::unavailable(why),
        };
    };
    let retry_after = || {
        let seconds = raw_response.as_ref()?.headers().get_optional_str(&RETRY_AFTER)?;
        // Never a date here, but if it were, the pause would be the usual one.
        seconds.trim().parse().ok().map(Duration::from_secs)
    };
    let may_pass = is_unauthorized(error)
        || matches!(status, StatusCode::RequestTimeout | StatusCode::TooManyRequests)
        || status.is_server_error();
    if may_pass {
        VaultError::Unavailable { why, retry_after: retry_after() }
    } else if *status == StatusCode::NotFound {
        VaultError::Missing(why)
    } else {
        VaultError::Unable(why)
    }
}

/// The service did not take the token.
pub(super) fn is_unauthorized(error: &Error) -> bool {
    error.http_status() == Some(StatusCode::Unauthorized)
}
