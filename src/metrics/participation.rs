//! Participation, read when metrics are collected.

use super::Metrics;
use super::instruments;
use super::labels::KeyLabels;
use super::observed::of;
use crate::participation::{Counts, DutyKind, Outcome, Participation, Standing};
use crate::tezos::PublicKeyHash;
use opentelemetry::KeyValue;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Metrics {
    /// Observes the outcomes of duties, and the standing of delegates, as long as `participation` exists.
    pub fn observe_participation(&self, participation: &Arc<Participation>) {
        let Some(recorder) = self.recorder() else { return };
        let keys = Arc::clone(&recorder.keys);
        recorder.counter(
            &instruments::DUTIES,
            of(participation, move |participation: &Participation, observe| {
                each(participation.tally().totals(), &keys, |count, labels| observe(count, labels));
            }),
        );
        let keys = Arc::clone(&recorder.keys);
        recorder.gauge(
            &instruments::DUTIES_OF_CYCLE,
            of(participation, move |participation: &Participation, observe| {
                if let Some((_, counts)) = participation.tally().cycles().last_key_value() {
                    each(counts, &keys, |count, labels| {
                        observe(u32::try_from(count).unwrap_or(u32::MAX).into(), labels);
                    });
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

/// Observes how often each outcome occurred.
fn each(
    counts: &BTreeMap<(PublicKeyHash, DutyKind), Counts>,
    keys: &KeyLabels,
    mut observe: impl FnMut(u64, &[KeyValue]),
) {
    for ((key, kind), counts) in counts {
        for outcome in Outcome::NAMES.into_iter().filter(|outcome| counts.of(outcome) > 0) {
            let labels = [
                KeyValue::new("key", keys.of(Some(key))),
                KeyValue::new("kind", kind.name()),
                KeyValue::new("outcome", outcome),
            ];
            observe(counts.of(outcome), &labels);
        }
    }
}
