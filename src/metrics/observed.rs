//! Values that are read when metrics are collected.

use super::instruments::{self, Definition};
use super::recorder::Recorder;
use super::{CallCounts, KeyState, Metrics, RequestKind, Service};
use crate::otlp::Program;
use crate::tezos::{ChainId, PublicKeyHash};
use opentelemetry::KeyValue;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A mark, as this process last saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkSeen {
    /// The key.
    pub key: PublicKeyHash,
    /// The kind.
    pub kind: RequestKind,
    /// The chain.
    pub chain: ChainId,
    /// The level.
    pub level: u32,
    /// How long ago it was seen.
    pub seen: Duration,
    /// What this process last signed there; `None` if it has signed nothing.
    pub signed: Option<SignatureSeen>,
}

/// The last signature of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureSeen {
    /// Its level. The mark's is higher if the signature at that level failed.
    pub level: u32,
    /// How long ago it was released.
    pub age: Duration,
}

/// The head of the chain, as the nodes report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadSeen {
    /// The chain.
    pub chain: ChainId,
    /// The highest level.
    pub level: u32,
    /// The time since a node last reported it.
    pub age: Duration,
}

/// The state of a signer. Nothing here waits or calls a service.
pub trait SignerState: Send + Sync {
    /// All marks that this process has seen.
    fn marks(&self) -> Vec<MarkSeen>;

    /// How many keys are in each state.
    fn keys(&self) -> Vec<(KeyState, u64)>;

    /// The head of the chain; `None` without nodes, or before their first answer.
    fn head(&self) -> Option<HeadSeen>;

    /// Conditional writes that another writer preceded.
    fn store_conflicts(&self) -> u64;

    /// The calls to a service; `None` if it is embedded.
    fn calls(&self, service: Service) -> Option<&CallCounts>;
}

/// Takes an observed value with its labels.
pub(super) type Observe<'a, T> = dyn Fn(T, &[KeyValue]) + 'a;

impl Metrics {
    /// Observes the state of a signer, as long as it exists.
    pub fn observe_signer<S: SignerState + 'static>(&self, state: &Arc<S>) {
        let Some(recorder) = self.recorder() else { return };
        let keys = Arc::clone(&recorder.keys);
        let labels = move |mark: &MarkSeen| {
            [KeyValue::new("key", keys.of(Some(&mark.key))), KeyValue::new("kind", mark.kind.name())]
        };
        let labels_of = labels.clone();
        recorder.gauge(
            &instruments::MARK_LEVEL,
            of(state, move |state: &S, observe| {
                for mark in current(state) {
                    observe(mark.level.into(), &labels_of(&mark));
                }
            }),
        );
        let labels_of = labels.clone();
        recorder.gauge(
            &instruments::MARK_BEHIND_HEAD,
            of(state, move |state: &S, observe| {
                let Some(head) = state.head() else { return };
                for mark in current(state).into_iter().filter(|mark| mark.chain == head.chain) {
                    observe(f64::from(head.level) - f64::from(mark.level), &labels_of(&mark));
                }
            }),
        );
        for (definition, value) in [
            (&instruments::SIGNATURE_LEVEL, (|signed| signed.level.into()) as fn(SignatureSeen) -> f64),
            (&instruments::SIGNATURE_AGE, |signed| signed.age.as_secs_f64()),
        ] {
            let labels_of = labels.clone();
            recorder.gauge(
                definition,
                of(state, move |state: &S, observe| {
                    for mark in current(state) {
                        if let Some(signed) = mark.signed {
                            observe(value(signed), &labels_of(&mark));
                        }
                    }
                }),
            );
        }
        recorder.gauge(
            &instruments::KEYS,
            of(state, |state: &S, observe| {
                for (key_state, count) in state.keys() {
                    observe(as_f64(count), &[KeyValue::new("state", key_state.name())]);
                }
            }),
        );
        recorder.gauge(
            &instruments::HEAD_LEVEL,
            of(state, |state: &S, observe| {
                if let Some(head) = state.head() {
                    observe(head.level.into(), &[]);
                }
            }),
        );
        recorder.gauge(
            &instruments::HEAD_AGE,
            of(state, |state: &S, observe| {
                if let Some(head) = state.head() {
                    observe(head.age.as_secs_f64(), &[]);
                }
            }),
        );
        recorder.counter(
            &instruments::STORE_CONFLICTS,
            of(state, |state: &S, observe| {
                observe(state.store_conflicts(), &[]);
            }),
        );
        for (definition, count) in [
            (&instruments::HEDGES, CallCounts::hedges as fn(&CallCounts) -> u64),
            (&instruments::RETRIES, CallCounts::retries),
            (&instruments::THROTTLED, CallCounts::throttles),
            (&instruments::DENIED, CallCounts::denials),
        ] {
            recorder.counter(
                definition,
                of(state, move |state: &S, observe| {
                    for service in Service::ALL {
                        if let Some(calls) = state.calls(*service) {
                            observe(count(calls), &[KeyValue::new("service", service.name())]);
                        }
                    }
                }),
            );
        }
    }

    /// Observes the number of open connections.
    pub fn observe_connections(&self, program: Program, count: impl Fn() -> usize + Send + Sync + 'static) {
        let Some(recorder) = self.recorder() else { return };
        let definition = match program {
            Program::Signer | Program::Observer => &instruments::CONNECTIONS,
            Program::Relay => &instruments::RELAY_CONNECTIONS,
        };
        recorder.gauge(definition, move |observe| {
            observe(as_f64(u64::try_from(count()).unwrap_or(u64::MAX)), &[]);
        });
    }

    /// Observes the time until each access token expires, with its scope.
    pub fn observe_tokens(&self, lifetimes: impl Fn() -> Vec<(String, Duration)> + Send + Sync + 'static) {
        let Some(recorder) = self.recorder() else { return };
        recorder.gauge(&instruments::TOKEN_LIFETIME, move |observe| {
            for (scope, lifetime) in lifetimes() {
                observe(lifetime.as_secs_f64(), &[KeyValue::new("scope", scope)]);
            }
        });
    }
}

/// Reads from `state`, which is not kept alive: it records metrics itself.
pub(super) fn of<S: Send + Sync + 'static, T: 'static>(
    state: &Arc<S>,
    read: impl Fn(&S, &Observe<T>) + Send + Sync + 'static,
) -> impl Fn(&Observe<T>) + Send + Sync + 'static {
    let state = Arc::downgrade(state);
    move |observe| {
        if let Some(state) = state.upgrade() {
            read(&state, observe);
        }
    }
}

impl Recorder {
    /// Creates a gauge whose values `read` reports.
    pub(super) fn gauge(&self, definition: &Definition, read: impl Fn(&Observe<f64>) + Send + Sync + 'static) {
        let builder = self.meter.f64_observable_gauge(definition.name).with_unit(definition.unit);
        let builder = builder.with_description(definition.description);
        builder.with_callback(move |observer| read(&|value, labels| observer.observe(value, labels))).build();
    }

    /// Creates a counter whose totals `read` reports.
    pub(super) fn counter(&self, definition: &Definition, read: impl Fn(&Observe<u64>) + Send + Sync + 'static) {
        let builder = self.meter.u64_observable_counter(definition.name).with_unit(definition.unit);
        let builder = builder.with_description(definition.description);
        builder.with_callback(move |observer| read(&|value, labels| observer.observe(value, labels))).build();
    }
}

/// One mark of each key and kind: that on the chain of the nodes, or else the one seen last. Clients choose the chain of a vote, so
/// it is not a label.
fn current(state: &(impl SignerState + ?Sized)) -> Vec<MarkSeen> {
    let chain = state.head().map(|head| head.chain);
    let rank = |mark: &MarkSeen| (Some(mark.chain) != chain, mark.seen);
    let mut current: HashMap<_, MarkSeen> = HashMap::new();
    for mark in state.marks() {
        let best = current.entry((mark.key, mark.kind)).or_insert(mark);
        if rank(&mark) < rank(best) {
            *best = mark;
        }
    }
    current.into_values().collect()
}

/// Exact for all counts that occur.
fn as_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
