use super::{ANSWER_TIMEOUT, Finding};
use crate::azure::{TlsRoots, reason_of};
use azure_core::http::Url;
use azure_core::time::parse_rfc7231;
use reqwest::header::DATE;
use time::{Duration, OffsetDateTime};

/// How far this clock is ahead of a service's; less than nothing, if it is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Skew {
    pub(super) of: String,
    pub(super) ahead: Duration,
}

/// More than the whole seconds of the `Date` header and a slow network can make it look.
const WORTH_A_WARNING: Duration = Duration::seconds(2);

/// Tokens are checked with some minutes of grace, marks and blocks with none.
const TOO_MUCH: Duration = Duration::seconds(60);

/// Sends a request. Any response will do, whatever its status: it shows that name, route and certificate are right, and
/// mostly what time it is there.
///
/// # Errors
/// Why there was no response, in words.
pub(super) async fn ask(service: &str, request: reqwest::RequestBuilder) -> Result<Option<Skew>, String> {
    let sent = OffsetDateTime::now_utc();
    let answer = request.send().await.map_err(|error| reason_of(&error.without_url()))?;
    let received = OffsetDateTime::now_utc();
    let date = answer.headers().get(DATE).and_then(|date| parse_rfc7231(date.to_str().ok()?).ok());
    Ok(date.map(|date| {
        // It counts whole seconds: on average, half of one has passed.
        let theirs = date + Duration::milliseconds(500);
        Skew { of: service.to_owned(), ahead: sent + (received - sent) / 2 - theirs }
    }))
}

/// The same for a service in Azure, without a token.
///
/// # Errors
/// Why there was no response, in words.
pub(super) async fn ask_azure(service: &str, roots: &TlsRoots, url: &Url) -> Result<Option<Skew>, String> {
    let client = roots.client(ANSWER_TIMEOUT).map_err(|error| reason_of(&error))?;
    ask(service, client.get(url.clone())).await
}

/// Compares this clock with the services', by the median: one of them may be wrong too.
pub(super) fn check(mut skews: Vec<Skew>) -> Finding {
    skews.sort_by_key(|skew| skew.ahead);
    let Some(median) = skews.get(skews.len() / 2) else {
        return Finding::skipped("clock", "no service told its time");
    };
    let all: Vec<_> = skews.iter().map(|skew| format!("{} {}", skew.of, in_seconds(skew.ahead))).collect();
    let direction = if median.ahead.is_negative() { "behind" } else { "ahead of" };
    let text = format!(
        "this machine is {} s {direction} the median of the services' clocks ({})",
        in_seconds(median.ahead.abs()),
        all.join(", ")
    );
    let advice = "set the clock: timedatectl set-ntp true, or chronyc makestep; a container and a virtual machine have \
                  their host's clock";
    if median.ahead.abs() > TOO_MUCH {
        Finding::failed("clock", text, advice)
    } else if median.ahead.abs() > WORTH_A_WARNING {
        Finding::warning("clock", text, advice)
    } else {
        Finding::ok("clock", text)
    }
}

fn in_seconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_seconds_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    #[test]
    fn the_median_decides() {
        for (ahead, expected, text) in [
            (vec![], Outcome::Skipped, "no service"),
            (vec![0], Outcome::Ok, "0.0 s ahead"),
            (vec![2000, -2000], Outcome::Ok, "2.0 s ahead"),
            (vec![0, 100, 90_000], Outcome::Ok, "0.1 s ahead"),
            (vec![2001], Outcome::Warning, "2.0 s ahead"),
            (vec![-60_000, -50_000, 0], Outcome::Warning, "50.0 s behind"),
            (vec![60_001], Outcome::Failed, "60.0 s ahead"),
            (vec![-3_600_000, -3_600_500, 0], Outcome::Failed, "3600.0 s behind"),
        ] {
            let skews = ahead
                .iter()
                .map(|ahead| Skew { of: "vault".to_owned(), ahead: Duration::milliseconds(*ahead) })
                .collect();
            let finding = check(skews);
            assert_eq!(finding.outcome, expected, "{ahead:?}");
            assert!(finding.text.contains(text), "{}", finding.text);
        }
    }
}
