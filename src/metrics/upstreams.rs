//! What a relay counts of its upstreams, read when metrics are collected.

use super::Metrics;
use super::instruments;
use super::observed::of;
use opentelemetry::KeyValue;
use std::sync::Arc;
use std::time::Duration;

/// What was counted of one upstream since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamSeen {
    /// Its address, as in the settings.
    pub upstream: String,
    /// Requests with a credential.
    pub requests: u64,
    /// Requests whose reply became the answer.
    pub wins: u64,
    /// Requests sent while another one for the same bytes was in flight.
    pub hedges: u64,
    /// Failures.
    pub errors: u64,
    /// Requests without a credential, which measure the round trip.
    pub probes: u64,
    /// How long the last probe took; `None` before the first.
    pub round_trip: Option<Duration>,
}

/// The upstreams of a relay. Nothing here waits or calls one.
pub trait UpstreamStates: Send + Sync {
    /// What was counted of each upstream.
    fn upstreams(&self) -> Vec<UpstreamSeen>;
}

impl Metrics {
    /// Observes the upstreams of a relay, as long as it exists.
    pub fn observe_upstreams<S: UpstreamStates + 'static>(&self, relay: &Arc<S>) {
        let Some(recorder) = self.recorder() else { return };
        let label = |seen: &UpstreamSeen| [KeyValue::new("upstream", seen.upstream.clone())];
        for (definition, count) in [
            (&instruments::UPSTREAM_REQUESTS, (|seen| seen.requests) as fn(&UpstreamSeen) -> u64),
            (&instruments::UPSTREAM_WINS, |seen| seen.wins),
            (&instruments::UPSTREAM_HEDGES, |seen| seen.hedges),
            (&instruments::UPSTREAM_ERRORS, |seen| seen.errors),
            (&instruments::UPSTREAM_PROBES, |seen| seen.probes),
        ] {
            let read = move |relay: &S, observe: &super::observed::Observe<u64>| {
                for seen in relay.upstreams() {
                    observe(count(&seen), &label(&seen));
                }
            };
            recorder.counter(definition, of(relay, read));
        }
        let read = move |relay: &S, observe: &super::observed::Observe<f64>| {
            for seen in relay.upstreams() {
                if let Some(round_trip) = seen.round_trip {
                    observe(round_trip.as_secs_f64(), &label(&seen));
                }
            }
        };
        recorder.gauge(&instruments::UPSTREAM_ROUND_TRIP, of(relay, read));
    }
}
