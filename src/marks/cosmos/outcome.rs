//! Classifies the SDK's errors: whether a read or write was done, was not done, or may have been done.

use crate::azure::{plain_words, reason_of};
use crate::failure_reason::FailureReason;
use crate::marks::StoreError;
use azure_core::http::StatusCode;
use azure_data_cosmos::error::{CosmosError, CosmosStatus};
use std::time::Duration;

/// The outcome of a request that did not succeed.
pub(super) struct Outcome {
    pub(super) effect: Effect,
    /// The service's status for the client, its full message for the log.
    pub(super) reason: FailureReason,
    /// The service's `Retry-After`.
    pub(super) retry_after: Option<Duration>,
    /// Why the service rejected the request, if it did so without looking at the item.
    pub(super) rejection: Option<Rejection>,
    /// Whether the right region answered, with any status: connections and routes work.
    pub(super) is_answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    /// It does not accept the token.
    Unauthorized,
    /// It limits requests.
    Throttled,
    /// It denies access.
    Denied,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// There is no such item.
    NotFound,
    /// The item has another version: another writer was first.
    Changed,
    /// Nothing was done, and a retry may succeed.
    NotDone,
    /// Nothing was done, and a retry will not help, unless a role or the container has only just been created.
    Denied,
    /// Nothing was done, and a retry will not help.
    Refused,
    /// It may have been done, or may still be done.
    Unknown,
}

/// "Retry with": a concurrent write to the item.
const RETRY_WITH: StatusCode = StatusCode::UnknownValue(449);

/// Sub-status codes of the service, and from [`BY_THE_SDK`] on those of the SDK, for errors without an answer
/// (`azure_data_cosmos_driver`, `src/error/status_codes.rs`).
const REGION_TAKES_NO_WRITES: u16 = 3;
const ACCOUNT_MOVES: u16 = 1008;
const OWNER_NOT_FOUND: u16 = 1003;
const BY_THE_SDK: u16 = 20_000;
const CLIENT_TIMEOUT: u16 = 20_008;
const CONNECTION_FAILED: u16 = 20_010;
const IO_FAILED: u16 = 20_011;
const NAME_NOT_FOUND: u16 = 20_012;
const BODY_FAILED: u16 = 20_014;
const HTTP2_FAILED: u16 = 20_015;
const NO_TOKEN: [u16; 2] = [20_401, 20_402];

/// Which HTTP requests of one call were sent. The SDK may send several: after a 449, or when the container was recreated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// Certainly none.
    None,
    /// At most the last one, so its answer is conclusive.
    AtMostLast,
    /// Perhaps an earlier one, so an answer to the last one is not conclusive.
    Earlier,
}

/// Classifies an error of the SDK.
pub(super) fn of(error: &CosmosError) -> Outcome {
    let status = error.status();
    let code = status.status_code();
    let sub_status = status.sub_status().map_or(0, |sub_status| sub_status.value());
    let retry_after = error.response().and_then(|response| response.headers().retry_after_ms);
    Outcome {
        effect: effect(code, sub_status, sent(error)),
        reason: FailureReason::with_log(answer_of(error), error.to_string()),
        retry_after: retry_after.map(Duration::from_millis),
        rejection: rejection(code, sub_status),
        is_answered: sub_status < BY_THE_SDK
            && !matches!(
                (code, sub_status),
                (StatusCode::RequestTimeout | StatusCode::Gone, _)
                    | (StatusCode::Forbidden, REGION_TAKES_NO_WRITES | ACCOUNT_MOVES)
            )
            && !code.is_server_error(),
    }
}

impl Outcome {
    /// The outcome is unknown, for this reason.
    pub(super) fn unknown(reason: impl Into<FailureReason>) -> Self {
        let (effect, reason) = (Effect::Unknown, reason.into());
        Self { effect, reason, retry_after: None, rejection: None, is_answered: true }
    }

    /// The answer must not be used, for this reason.
    pub(super) fn refused(reason: impl Into<FailureReason>) -> Self {
        Self { effect: Effect::Refused, ..Self::unknown(reason) }
    }

    pub(super) fn into_error(self) -> StoreError {
        StoreError::Failed(self.reason)
    }
}

/// The reason for errors of calls other than reads and writes of marks.
pub(super) fn reason(error: &CosmosError) -> FailureReason {
    FailureReason::with_log(answer_of(error), reason_of(error))
}

/// Status and sub-status of the service. If the SDK gave up by itself, its error, with the last answer of the service, which is
/// more specific.
fn answer_of(error: &CosmosError) -> String {
    let status = error.status();
    let requests = error.diagnostics().map(|diagnostics| diagnostics.requests()).unwrap_or_default();
    let is_of_service = |status: &CosmosStatus| status.sub_status().is_none_or(|sub| sub.value() < BY_THE_SDK);
    let last = requests.iter().rev().map(|request| *request.status()).find(is_of_service);
    match last.filter(|_| !is_of_service(&status)) {
        Some(last) => format!("{}; its last answer was {}", without_answer(error), answer(last)),
        None if is_of_service(&status) => answer(status),
        None => without_answer(error).to_owned(),
    }
}

/// The SDK's error, if there was no answer.
fn without_answer(error: &CosmosError) -> &'static str {
    let sub_status = error.status().sub_status().map_or(0, |sub_status| sub_status.value());
    plain_words(error).unwrap_or(match sub_status {
        CLIENT_TIMEOUT => "timed out",
        CONNECTION_FAILED => "cannot connect",
        NAME_NOT_FOUND => "name resolution failed",
        IO_FAILED | BODY_FAILED | HTTP2_FAILED => "connection lost",
        sub_status if NO_TOKEN.contains(&sub_status) => "no access token",
        _ => "no usable answer",
    })
}

/// Status and sub-status, such as `503/20003 (ServiceUnavailable)`.
fn answer(status: CosmosStatus) -> String {
    let code = u16::from(status.status_code());
    let sub_status = status.sub_status().map(|sub_status| format!("/{}", sub_status.value())).unwrap_or_default();
    let name = status.name().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{code}{sub_status}{name}")
}

fn effect(code: StatusCode, sub_status: u16, sent: Sent) -> Effect {
    match (code, sub_status) {
        _ if sent == Sent::None => Effect::NotDone,
        // There was no answer, and a request may have been sent: the sub-status alone does not show that.
        (_, BY_THE_SDK..) => Effect::Unknown,
        (StatusCode::NotFound, 0) => Effect::NotFound,
        _ if sent == Sent::Earlier => Effect::Unknown,
        (StatusCode::Conflict | StatusCode::PreconditionFailed, _) => Effect::Changed,
        (StatusCode::Unauthorized | StatusCode::TooManyRequests | RETRY_WITH, _)
        | (StatusCode::Forbidden, REGION_TAKES_NO_WRITES | ACCOUNT_MOVES) => Effect::NotDone,
        (StatusCode::NotFound, OWNER_NOT_FOUND) | (StatusCode::Forbidden, _) => Effect::Denied,
        (StatusCode::BadRequest | StatusCode::PayloadTooLarge, _) => Effect::Refused,
        _ => Effect::Unknown,
    }
}

fn rejection(code: StatusCode, sub_status: u16) -> Option<Rejection> {
    match (code, sub_status) {
        (StatusCode::Unauthorized, _) if !NO_TOKEN.contains(&sub_status) => Some(Rejection::Unauthorized),
        // The last two mean that another region takes the write.
        (_, BY_THE_SDK..) | (StatusCode::Forbidden, REGION_TAKES_NO_WRITES | ACCOUNT_MOVES) => None,
        (StatusCode::TooManyRequests, _) => Some(Rejection::Throttled),
        (StatusCode::Forbidden, _) => Some(Rejection::Denied),
        _ => None,
    }
}

fn sent(error: &CosmosError) -> Sent {
    let Some(diagnostics) = error.diagnostics() else { return Sent::AtMostLast };
    let requests = diagnostics.requests();
    let may_be_sent: Vec<_> = requests.iter().map(|request| request.request_sent().may_have_been_sent()).collect();
    sent_of(diagnostics.request_count(), &may_be_sent, is_http2_failure(error))
}

/// `count` requests were made; for those that the SDK describes, in order, `may_be_sent` has whether they may have been sent.
fn sent_of(count: usize, may_be_sent: &[bool], is_http2_failure: bool) -> Sent {
    match may_be_sent.split_last() {
        // A summary may leave requests out.
        _ if count != may_be_sent.len() => Sent::Earlier,
        Some((_, earlier)) if earlier.contains(&true) => Sent::Earlier,
        Some((false, _)) if !is_http2_failure => Sent::None,
        None | Some(_) => Sent::AtMostLast,
    }
}

/// The SDK treats every protocol error of HTTP/2 as a failed handshake, but it may follow the request.
fn is_http2_failure(error: &CosmosError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let status = error.downcast_ref::<CosmosError>().map(CosmosError::status);
        if status.and_then(|status| status.sub_status()).is_some_and(|status| status.value() == HTTP2_FAILED) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_classified() {
        for (code, sub_status, effect, is_answered) in [
            (404, 0, Effect::NotFound, true),
            (404, 1002, Effect::Unknown, true),
            (404, 1003, Effect::Denied, true),
            (409, 0, Effect::Changed, true),
            (412, 0, Effect::Changed, true),
            (401, 0, Effect::NotDone, true),
            (403, 3, Effect::NotDone, false),
            (403, 1008, Effect::NotDone, false),
            (403, 5300, Effect::Denied, true),
            (403, 0, Effect::Denied, true),
            (400, 0, Effect::Refused, true),
            (413, 0, Effect::Refused, true),
            (429, 3200, Effect::NotDone, true),
            (449, 0, Effect::NotDone, true),
            (503, 0, Effect::Unknown, false),
            (500, 0, Effect::Unknown, false),
            (408, 0, Effect::Unknown, false),
            (410, 1002, Effect::Unknown, false),
        ] {
            let status = CosmosStatus::new(StatusCode::from(code)).with_sub_status(sub_status);
            let error = CosmosError::builder().with_status(status).with_message("injected").build();
            let outcome = of(&error);
            assert_eq!((outcome.effect, outcome.is_answered), (effect, is_answered), "{status:?}");
            let rejection = match (code, effect) {
                (401, _) => Some(Rejection::Unauthorized),
                (429, _) => Some(Rejection::Throttled),
                (403, Effect::Denied) => Some(Rejection::Denied),
                _ => None,
            };
            assert_eq!(outcome.rejection, rejection, "{status:?}");
            assert!(outcome.into_error().to_string().contains(&code.to_string()), "{status:?}");
        }
    }

    /// Statuses that the SDK uses for errors without an answer.
    const BY_SDK: [(u16, u16); 10] = [
        (400, 20_000),
        (503, 20_003),
        (408, 20_008),
        (503, 20_010),
        (503, 20_011),
        (503, 20_012),
        (503, 20_014),
        (503, 20_015),
        (401, 20_401),
        (401, 20_402),
    ];

    #[test]
    fn without_an_answer_a_write_is_not_done_only_if_nothing_was_sent() {
        for (status, sub_status) in BY_SDK {
            let code = StatusCode::from(status);
            assert_eq!(effect(code, sub_status, Sent::None), Effect::NotDone, "{status}/{sub_status}");
            for sent in [Sent::AtMostLast, Sent::Earlier] {
                assert_eq!(effect(code, sub_status, sent), Effect::Unknown, "{status}/{sub_status} {sent:?}");
            }
            let cosmos_status = CosmosStatus::new(code).with_sub_status(sub_status);
            let error = CosmosError::builder().with_status(cosmos_status).with_message("no diagnostics").build();
            assert_eq!(of(&error).effect, Effect::Unknown, "{status}/{sub_status}: it may have been sent");
            assert!(!of(&error).is_answered);
            assert_eq!(of(&error).rejection, None, "a missing token is not a rejected token");
        }
    }

    #[test]
    fn an_answer_to_the_last_of_several_requests_is_not_conclusive() {
        for (status, sub_status) in [(409, 0), (412, 0), (401, 0), (403, 3), (403, 5300), (429, 0), (449, 0), (400, 0)]
        {
            let code = StatusCode::from(status);
            assert_eq!(effect(code, sub_status, Sent::Earlier), Effect::Unknown, "{status}/{sub_status}");
        }
    }

    #[test]
    fn nothing_counts_as_unsent_unless_the_sdk_describes_every_request() {
        for (count, may_be_sent, is_http2_failure, expected) in [
            (0, vec![], false, Sent::AtMostLast),
            (1, vec![true], false, Sent::AtMostLast),
            (1, vec![false], false, Sent::None),
            (1, vec![false], true, Sent::AtMostLast),
            (2, vec![false, true], false, Sent::AtMostLast),
            (2, vec![false, false], false, Sent::None),
            (2, vec![true, false], false, Sent::Earlier),
            (3, vec![false, true, true], false, Sent::Earlier),
            (2, vec![false], false, Sent::Earlier),
        ] {
            let sent = sent_of(count, &may_be_sent, is_http2_failure);
            assert_eq!(sent, expected, "{count} {may_be_sent:?} {is_http2_failure}");
        }
    }

    #[test]
    fn a_failure_of_http2_is_found_among_the_causes() {
        let error_of = |sub_status| {
            let status = CosmosStatus::new(StatusCode::ServiceUnavailable).with_sub_status(sub_status);
            CosmosError::builder().with_status(status).with_message("injected")
        };
        assert!(is_http2_failure(&error_of(HTTP2_FAILED).build()));
        assert!(is_http2_failure(&error_of(20_003).with_source(error_of(HTTP2_FAILED).build()).build()));
        assert!(!is_http2_failure(&error_of(20_003).with_source(error_of(20_010).build()).build()));
    }

    #[test]
    fn the_answer_names_the_status() {
        let status = CosmosStatus::new(StatusCode::Forbidden).with_sub_status(5300);
        assert!(answer(status).starts_with("403/5300"), "{}", answer(status));
        let outcome = Outcome::unknown("not JSON");
        assert_eq!((outcome.effect, outcome.is_answered), (Effect::Unknown, true));
        assert_eq!(Outcome::refused("not JSON").effect, Effect::Refused);
        assert!(outcome.into_error().to_string().ends_with("not JSON"));
    }
}
