use crate::azure::{plain_words, reason_of};
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
    /// Whether the right region answered, whatever it said: connections and routes are well.
    pub(super) is_answered: bool,
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

/// Sub-status codes of the service, and from [`BY_THE_SDK`] on those of the SDK, for what it met without an answer
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

/// What the SDK knows about the requests of one call. It may make several: on 449, say, or when the container was made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// None left this machine, for sure.
    None,
    /// At most the last one did, so the answer is about all that was sent.
    AtMostLast,
    /// An earlier one may have, so an answer to the last one does not say what became of the call.
    Earlier,
}

/// Reads the outcome from an error of the SDK.
pub(super) fn of(error: &CosmosError) -> Outcome {
    let status = error.status();
    let code = status.status_code();
    let sub_status = status.sub_status().map_or(0, |sub_status| sub_status.value());
    let retry_after = error.response().and_then(|response| response.headers().retry_after_ms);
    Outcome {
        effect: effect(code, sub_status, sent(error)),
        why: Reason::with_log(answer_of(error), error.to_string()),
        retry_after: retry_after.map(Duration::from_millis),
        is_unauthorized: code == StatusCode::Unauthorized && !NO_TOKEN.contains(&sub_status),
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
    /// Of a write that was acknowledged with something unreadable.
    pub(super) fn unknown(why: impl Into<Reason>) -> Self {
        let (effect, why) = (Effect::Unknown, why.into());
        Self { effect, why, retry_after: None, is_unauthorized: false, is_answered: true }
    }

    /// Of a read that was answered with something that must not be used.
    pub(super) fn refused(why: impl Into<Reason>) -> Self {
        Self { effect: Effect::Refused, ..Self::unknown(why) }
    }

    pub(super) fn into_error(self) -> StoreError {
        StoreError(self.why)
    }
}

/// The same for what is no read or write of a mark.
pub(super) fn reason(error: &CosmosError) -> Reason {
    Reason::with_log(answer_of(error), reason_of(error))
}

/// Status and sub-status of the service. Where the SDK gave up by itself, what it met, and the last answer of the service,
/// which says more than that.
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

/// What the SDK met instead of an answer.
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
        // Not an answer, and something may have been sent. The sub-status alone does not say.
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

fn sent(error: &CosmosError) -> Sent {
    let Some(diagnostics) = error.diagnostics() else { return Sent::AtMostLast };
    let requests = diagnostics.requests();
    let may_be_sent: Vec<_> = requests.iter().map(|request| request.request_sent().may_have_been_sent()).collect();
    sent_of(diagnostics.request_count(), &may_be_sent, is_http2_failure(error))
}

/// `count` requests were made, and of those that the SDK describes, in their order, some may have been sent.
fn sent_of(count: usize, may_be_sent: &[bool], is_http2_failure: bool) -> Sent {
    match may_be_sent.split_last() {
        // A summary may leave requests out.
        _ if count != may_be_sent.len() => Sent::Earlier,
        Some((_, earlier)) if earlier.contains(&true) => Sent::Earlier,
        Some((false, _)) if !is_http2_failure => Sent::None,
        None | Some(_) => Sent::AtMostLast,
    }
}

/// The SDK takes every protocol error of HTTP/2 for one of the handshake; it may come after the request.
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
    fn what_became_of_a_request_is_read_from_its_answer() {
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
            assert_eq!(outcome.is_unauthorized, code == 401, "{status:?}");
            assert!(outcome.into_error().to_string().contains(&code.to_string()), "{status:?}");
        }
    }

    /// Statuses that the SDK makes up, for what it met without an answer.
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
            let made_up = CosmosStatus::new(code).with_sub_status(sub_status);
            let error = CosmosError::builder().with_status(made_up).with_message("no diagnostics").build();
            assert_eq!(of(&error).effect, Effect::Unknown, "{status}/{sub_status}: nothing says that it was not sent");
            assert!(!of(&error).is_answered);
            assert!(!of(&error).is_unauthorized, "a token that was not had is not a token that was not taken");
        }
    }

    #[test]
    fn an_answer_to_the_last_of_several_requests_does_not_say_what_became_of_the_first() {
        for (status, sub_status) in [(409, 0), (412, 0), (401, 0), (403, 3), (403, 5300), (429, 0), (449, 0), (400, 0)]
        {
            let code = StatusCode::from(status);
            assert_eq!(effect(code, sub_status, Sent::Earlier), Effect::Unknown, "{status}/{sub_status}");
        }
    }
    #[test]
    fn what_was_sent_is_known_only_if_the_sdk_describes_every_request() {
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
