use azure_core::http::StatusCode;
use azure_data_cosmos::error::CosmosError;
use std::time::Duration;

/// What became of a request that was not answered with success.
pub(super) struct Outcome {
    pub(super) effect: Effect,
    /// In words, for the operator.
    pub(super) why: String,
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
const DNS_FAILED: u16 = 20_009;
const CONNECTION_FAILED: u16 = 20_010;
const NO_TOKEN: [u16; 2] = [20_401, 20_402];

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
        (StatusCode::NotFound, OWNER_NOT_FOUND)
        | (StatusCode::Forbidden | StatusCode::BadRequest | StatusCode::PayloadTooLarge, _) => Effect::Refused,
        _ => Effect::Unknown,
    };
    Outcome {
        effect,
        why: error.to_string(),
        retry_after: retry_after.map(Duration::from_millis),
        is_unauthorized: code == StatusCode::Unauthorized && !NO_TOKEN.contains(&sub_status),
    }
}
