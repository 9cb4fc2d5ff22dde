//! Compares this machine's clock with those of the services.

use super::finding::Finding;
use crate::azure::TlsRoots;
use azure_core::http::Url;
use azure_core::time::parse_rfc7231;
use reqwest::header::DATE;
use time::{Duration, OffsetDateTime};

/// Limit for a request to a service.
pub(super) const ANSWER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);

/// How far this machine's clock is ahead of a service's; negative if it is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Skew {
    pub(super) of: String,
    pub(super) ahead: Duration,
}

/// Larger than the error of the `Date` header, which has whole seconds, and of a slow network.
const MIN_WARNING: Duration = Duration::seconds(2);

/// Tokens are checked with a tolerance of minutes, marks and blocks with none.
const MIN_FAILURE: Duration = Duration::seconds(60);

/// Sends a request. A response with any status shows that name, route and certificate are right. Most responses have a `Date`.
///
/// # Errors
/// Why there was no response.
pub(super) async fn probe(service: &str, request: reqwest::RequestBuilder) -> Result<Option<Skew>, reqwest::Error> {
    let sent = OffsetDateTime::now_utc();
    let response = request.send().await.map_err(reqwest::Error::without_url)?;
    let received = OffsetDateTime::now_utc();
    let date = response.headers().get(DATE).and_then(|date| parse_rfc7231(date.to_str().ok()?).ok());
    Ok(date.map(|date| {
        // Whole seconds: on average, half a second has passed.
        let theirs = date + Duration::milliseconds(500);
        Skew { of: service.to_owned(), ahead: sent + (received - sent) / 2 - theirs }
    }))
}

/// The same for a service in Azure, without a token.
///
/// # Errors
/// Why there was no response.
pub(super) async fn probe_azure(service: &str, roots: &TlsRoots, url: &Url) -> Result<Option<Skew>, reqwest::Error> {
    probe(service, roots.client(ANSWER_TIMEOUT)?.get(url.clone())).await
}

/// Compares this machine's clock with the median of the services' clocks, since one of those may be wrong.
pub(super) fn check(mut skews: Vec<Skew>) -> Finding {
    skews.sort_by_key(|skew| skew.ahead);
    let Some(median) = skews.get(skews.len() / 2) else {
        return Finding::skipped("clock", "no service reported its time");
    };
    let all: Vec<_> = skews.iter().map(|skew| format!("{} {}", skew.of, in_seconds(skew.ahead))).collect();
    let direction = if median.ahead.is_negative() { "behind" } else { "ahead of" };
    let text = format!(
        "this machine is {} s {direction} the median of the services' clocks ({})",
        in_seconds(median.ahead.abs()),
        all.join(", ")
    );
    let advice = "set the clock: timedatectl set-ntp true, or chronyc makestep; containers and virtual machines use the clock \
                  of their host";
    if median.ahead.abs() > MIN_FAILURE {
        Finding::failed("clock", text, advice)
    } else if median.ahead.abs() > MIN_WARNING {
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
