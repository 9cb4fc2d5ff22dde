use crate::marks::StoreError;
use crate::reason::Reason;
use azure_core::http::StatusCode;
use azure_data_cosmos::error::{CosmosError, CosmosStatus};
use std::time::Duration;

/// What became of a request that was not answered with success.
pub(super) struct Outcome {
    pub(super) effect: Effect,
    /// The service's status for the client, all its words for the log.
    pub(super) why: Reason,
    /// How long the service asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// Whether the token was not taken.
    pub(super) is_unauthorized: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// There is no such item.
    NotFound,
    /// The item is not as expected: another has written it.
    Changed,
    /// Nothing was done, and it may work when tried again.
    NotDone,
    /// Nothing was done, and trying again will not help, unless a role or the container was created just now.
    Denied,
    /// Nothing was done, and trying again will not help.
    Refused,
    /// It may have been done, or may still be.
    Unknown,
}

/// "Retry with": the item was being written.
const RETRY_WITH: StatusCode = StatusCode::UnknownValue(449);

/// Sub-status codes: of the service, and of the SDK for what it met before it sent anything
/// (`azure_data_cosmos_driver`, `src/error/cosmos_status.rs`).
const REGION_TAKES_NO_WRITES: u16 = 3;
const ACCOUNT_MOVES: u16 = 1008;
const OWNER_NOT_FOUND: u16 = 1003;
const CONNECTION_FAILED: u16 = 20_010;
const DNS_FAILED: u16 = 20_012;
const NO_TOKEN: [u16; 2] = [20_401, 20_402];

impl Outcome {
    /// Of a write that was acknowledged with something unreadable.
    pub(super) fn unknown(why: String) -> Self {
        Self { effect: Effect::Unknown, why: why.into(), retry_after: None, is_unauthorized: false }
    }

    pub(super) fn into_error(self) -> StoreError {
        StoreError(self.why)
    }
}

/// Status and sub-status, such as `503/20003 (ServiceUnavailable)`.
fn answer(status: &CosmosStatus) -> String {
    let code = u16::from(status.status_code());
    let sub_status = status.sub_status().map(|sub_status| format!("/{}", sub_status.value())).unwrap_or_default();
    let name = status.name().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{code}{sub_status}{name}")
}

pub(super) fn of(error: &CosmosError) -> Outcome {
    let status = error.status();
    let code = status.status_code();
    let sub_status = status.sub_status().map_or(0, |sub_status| sub_status.value());
    let retry_after = error.response().and_then(|response| response.headers().retry_after_ms);
    // More than one request, and the conflict may be with the first of our own.
    let is_one_request = error.diagnostics().is_none_or(|diagnostics| diagnostics.request_count() <= 1);
    let effect = match (code, sub_status) {
        (StatusCode::NotFound, 0) => Effect::NotFound,
        (StatusCode::Conflict | StatusCode::PreconditionFailed, _) if is_one_request => Effect::Changed,
        (StatusCode::Unauthorized | StatusCode::TooManyRequests | RETRY_WITH, _)
        | (_, DNS_FAILED | CONNECTION_FAILED)
        | (StatusCode::Forbidden, REGION_TAKES_NO_WRITES | ACCOUNT_MOVES) => Effect::NotDone,
        (StatusCode::NotFound, OWNER_NOT_FOUND) | (StatusCode::Forbidden, _) => Effect::Denied,
        (StatusCode::BadRequest | StatusCode::PayloadTooLarge, _) => Effect::Refused,
        _ => Effect::Unknown,
    };
    Outcome {
        effect,
        why: Reason::with_log(answer(&status), error.to_string()),
        retry_after: retry_after.map(Duration::from_millis),
        is_unauthorized: code == StatusCode::Unauthorized && !NO_TOKEN.contains(&sub_status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_data_cosmos::error::CosmosStatus;

    #[test]
    fn what_became_of_a_request_is_read_from_its_status() {
        for (status, sub_status, effect) in [
            (404, 0, Effect::NotFound),
            (404, 1002, Effect::Unknown),
            (404, 1003, Effect::Denied),
            (409, 0, Effect::Changed),
            (412, 0, Effect::Changed),
            (401, 0, Effect::NotDone),
            (401, 20_401, Effect::NotDone),
            (403, 3, Effect::NotDone),
            (403, 1008, Effect::NotDone),
            (403, 5300, Effect::Denied),
            (403, 0, Effect::Denied),
            (400, 0, Effect::Refused),
            (413, 0, Effect::Refused),
            (429, 3200, Effect::NotDone),
            (449, 0, Effect::NotDone),
            (503, 20_010, Effect::NotDone),
            (503, 20_012, Effect::NotDone),
            (503, 20_011, Effect::Unknown),
            (503, 0, Effect::Unknown),
            (500, 0, Effect::Unknown),
            (408, 20_008, Effect::Unknown),
            (410, 1002, Effect::Unknown),
        ] {
            let status = CosmosStatus::new(StatusCode::from(status)).with_sub_status(sub_status);
            let error = CosmosError::builder().with_status(status).with_message("injected").build();
            assert_eq!(of(&error).effect, effect, "{status:?}");
        }
    }
}
