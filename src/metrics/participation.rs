//! Participation, read when metrics are collected.

use super::Metrics;
use super::instruments;
use super::observed::of;
use crate::participation::{Outcome, Participation, Standing};
use crate::tezos::PublicKeyHash;
use opentelemetry::KeyValue;
use std::sync::Arc;

impl Metrics {
    /// Observes the outcomes of duties, and the standing of delegates, as long as `participation` exists.
    pub fn observe_participation(&self, participation: &Arc<Participation>) {
        let Some(recorder) = self.recorder() else { return };
        let keys = Arc::clone(&recorder.keys);
        recorder.counter(
            &instruments::DUTIES,
            of(participation, move |participation: &Participation, observe| {
                for ((key, kind), counts) in participation.tally().totals() {
                    for outcome in Outcome::NAMES.into_iter().filter(|outcome| counts.of(outcome) > 0) {
                        let labels = [
                            KeyValue::new("key", keys.of(Some(key))),
                            KeyValue::new("kind", kind.name()),
                            KeyValue::new("outcome", outcome),
                        ];
                        observe(counts.of(outcome), &labels);
                    }
                }
            }),
        );
        for (definition, slots) in [
            (&instruments::MISSED_SLOTS, (|standing| standing.missed_slots) as fn(&Standing) -> u64),
            (&instruments::REMAINING_SLOTS, |standing| standing.remaining_allowed_missed_slots),
        ] {
            let keys = Arc::clone(&recorder.keys);
            recorder.gauge(
                definition,
                of(participation, move |participation: &Participation, observe| {
                    let standings: Vec<(PublicKeyHash, Standing)> = participation.standings().into_iter().collect();
                    for (key, standing) in standings {
                        let slots = u32::try_from(slots(&standing)).unwrap_or(u32::MAX);
                        observe(slots.into(), &[KeyValue::new("key", keys.of(Some(&key)))]);
                    }
                }),
            );
        }
    }
}
