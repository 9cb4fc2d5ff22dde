//! What the relay counts of each upstream, for the metrics.

use super::Live;
use crate::metrics::{UpstreamSeen, UpstreamStates};

impl UpstreamStates for Live {
    fn upstreams(&self) -> Vec<UpstreamSeen> {
        let current = self.current();
        let seen = current.relay.upstreams.iter().map(|upstream| {
            let counts = upstream.counters.counts();
            UpstreamSeen {
                upstream: upstream.url.to_string(),
                requests: counts.requests,
                wins: counts.wins,
                hedges: counts.hedges,
                errors: counts.errors,
                probes: counts.probes,
                round_trip: (!counts.round_trip.is_zero()).then_some(counts.round_trip),
            }
        });
        seen.collect()
    }
}
