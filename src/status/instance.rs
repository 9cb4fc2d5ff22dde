//! A signer or a relay, as its metrics show it.

use super::exposition::{Sample, parse, quantile_bound};
use super::{Condition, State};
use serde::Serialize;

/// A signer or a relay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Instance {
    /// The address of its metrics.
    pub address: String,
    /// Its state.
    #[serde(flatten)]
    pub condition: Condition,
    /// The name of its service: `azurehsm-signer` or `azurehsm-signer-relay`, if it has not been changed.
    pub service: Option<String>,
    /// Its name, as in the marks that it writes.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Requests since its start that were signed, repeats included. `None` for a relay.
    pub signed: Option<u64>,
    /// Requests since its start that were refused.
    pub refused: Option<u64>,
    /// Requests since its start that failed.
    pub failed: Option<u64>,
    /// 99 % of blocks and votes since its start took at most this many seconds to sign. `None` without any, or if it is more than the
    /// last bucket of the histogram.
    pub p99_seconds_at_most: Option<f64>,
    /// Seconds since it last signed a block or a vote, with any key.
    pub last_signature_seconds_ago: Option<f64>,
    /// The upstreams of a relay.
    pub upstreams: Vec<Upstream>,
}

/// What a relay has counted of an upstream since its start.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Upstream {
    /// Its address.
    pub address: String,
    /// Requests sent to it.
    pub requests: u64,
    /// Requests whose reply became the answer.
    pub wins: u64,
    /// Its failures.
    pub errors: u64,
    /// Duration of the last probe, in seconds.
    pub round_trip_seconds: Option<f64>,
}

const CONSENSUS: [&str; 3] = ["block", "preattestation", "attestation"];

impl Instance {
    /// An instance whose metrics could not be read.
    pub(super) fn unknown(address: &str, reason: impl AsRef<str>) -> Self {
        Self {
            address: address.to_owned(),
            condition: Condition::unknown(reason),
            service: None,
            name: None,
            version: None,
            signed: None,
            refused: None,
            failed: None,
            p99_seconds_at_most: None,
            last_signature_seconds_ago: None,
            upstreams: Vec::new(),
        }
    }

    /// The instance that serves these metrics.
    pub(super) fn of_metrics(address: &str, text: &str) -> Self {
        let samples = match parse(text) {
            Ok(samples) => samples,
            Err(reason) => return Self::unknown(address, reason),
        };
        let named = |name: &'static str| samples.iter().filter(move |sample| sample.name == name);
        let Some(about) = named("target_info").next() else {
            return Self::unknown(
                address,
                "these are not the metrics of a signer or a relay: they have no target_info",
            );
        };
        let about = |label: &str| Some(about.label(label).to_owned()).filter(|text| !text.is_empty());
        let upstreams: Vec<_> = named("relay_upstream_requests_total").map(|of| upstream(of, &samples)).collect();
        let is_signer = named("signer_keys").next().is_some();
        let requests = |results: &'static [&str]| {
            let of_results = named("signer_requests_total").filter(|sample| results.contains(&sample.label("result")));
            is_signer.then(|| count(of_results.map(|sample| sample.value).sum()))
        };
        let buckets = named("signer_request_duration_seconds_bucket")
            .filter(|sample| sample.label("result") == "signed" && CONSENSUS.contains(&sample.label("kind")));
        let has_no_token = named("signer_token_lifetime_seconds").any(|sample| sample.value <= 0.0);
        Self {
            address: address.to_owned(),
            condition: if has_no_token {
                Condition::of(State::Failed, "it has no valid access token")
            } else {
                Condition::OK
            },
            service: about("service_name"),
            name: about("service_instance_id"),
            version: about("service_version"),
            signed: requests(&["signed", "replayed"]),
            refused: requests(&["refused"]),
            failed: requests(&["failed"]),
            p99_seconds_at_most: quantile_bound(buckets, 0.99).filter(|bound| bound.is_finite()),
            last_signature_seconds_ago: named("signer_signature_age_seconds")
                .map(|sample| sample.value)
                .min_by(f64::total_cmp),
            upstreams,
        }
    }
}

fn upstream(of: &Sample, samples: &[Sample]) -> Upstream {
    let address = of.label("upstream");
    let value = |name: &str| {
        samples
            .iter()
            .find(|sample| sample.name == name && sample.label("upstream") == address)
            .map(|found| found.value)
    };
    let counted = |name: &str| count(value(name).unwrap_or_default());
    Upstream {
        address: address.to_owned(),
        requests: count(of.value),
        wins: counted("relay_upstream_wins_total"),
        errors: counted("relay_upstream_errors_total"),
        round_trip_seconds: value("relay_upstream_round_trip_seconds"),
    }
}

/// A count, which the format writes as a number with a fraction.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole, and casts saturate")]
fn count(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNER: &str = r#"
target_info{service_instance_id="one (1)",service_name="azurehsm-signer",service_version="0.1.0"} 1
signer_keys{state="usable"} 1
signer_requests_total{key="a",kind="block",result="signed"} 3
signer_requests_total{key="a",kind="block",result="replayed"} 2
signer_requests_total{key="a",kind="block",reason="head",result="refused"} 4
signer_requests_total{key="b",kind="block",reason="head",result="refused"} 1
signer_request_duration_seconds_bucket{kind="block",result="signed",le="0.04"} 3
signer_request_duration_seconds_bucket{kind="block",result="signed",le="+Inf"} 3
signer_request_duration_seconds_bucket{kind="operation",result="signed",le="0.04"} 0
signer_request_duration_seconds_bucket{kind="operation",result="signed",le="+Inf"} 9
signer_signature_age_seconds{key="a",kind="block"} 70
signer_signature_age_seconds{key="a",kind="attestation"} 6
"#;

    #[test]
    fn a_signer_is_read_from_its_metrics() {
        let read = Instance::of_metrics("a:1", SIGNER);
        assert_eq!((read.signed, read.refused, read.failed), (Some(5), Some(5), Some(0)));
        assert_eq!((read.p99_seconds_at_most, read.last_signature_seconds_ago), (Some(0.04), Some(6.0)));
        assert_eq!((read.name.as_deref(), read.version.as_deref()), (Some("one (1)"), Some("0.1.0")));
        assert_eq!(read.condition, Condition::OK);
        let expired = format!("{SIGNER}signer_token_lifetime_seconds{{scope=\"x\"}} 0\n");
        assert_eq!(Instance::of_metrics("a:1", &expired).condition.state, State::Failed);
    }

    #[test]
    fn a_relay_has_upstreams_and_no_counts_of_a_signer() {
        let text = r#"target_info{service_name="azurehsm-signer-relay"} 1
relay_upstream_requests_total{upstream="https://a"} 7
relay_upstream_requests_total{upstream="https://b"} 1
relay_upstream_wins_total{upstream="https://a"} 6
relay_upstream_round_trip_seconds{upstream="https://a"} 0.012"#;
        let read = Instance::of_metrics("a:1", text);
        let upstream = |address: &str, requests, wins, round_trip_seconds| Upstream {
            address: address.to_owned(),
            requests,
            wins,
            errors: 0,
            round_trip_seconds,
        };
        assert_eq!(read.upstreams, [upstream("https://a", 7, 6, Some(0.012)), upstream("https://b", 1, 0, None)]);
        assert_eq!((read.signed, read.failed), (None, None));
    }

    #[test]
    fn what_is_not_ours_is_unknown() {
        for (text, reason) in [("", "no target_info"), ("<html>", "<html>"), ("up 1", "no target_info")] {
            let read = Instance::of_metrics("a:1", text);
            assert_eq!(read.condition.state, State::Unknown);
            assert!(read.condition.reason.unwrap().contains(reason), "{text}");
        }
    }
}
