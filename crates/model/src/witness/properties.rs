//! Invariants of the witness, in addition to those of the signers.

use super::state::Watcher;
use super::{WitnessProtocol, WitnessState};
use crate::history::Observed;
use crate::properties::{has_next_step, of_signers};
use crate::stops::properties::{EXPORTED, LEFT};
use stateright::Property;

/// Name of the property that nothing that was signed here is found foreign.
pub(super) const NO_FALSE_ALARM: &str = "no false alarm";
/// Name of the property that what another signer was seen to sign is not signed differently here afterwards.
pub(super) const SILENT: &str = "what was seen is not signed";
/// Name of the property that a mark that evidence has stopped is not below that evidence.
pub(super) const ABOVE: &str = "stopped above the evidence";
/// Name of the property that evidence stops nothing if an operator acknowledged it before it was seen.
pub(super) const ACKNOWLEDGED: &str = "acknowledged for good";

pub(super) fn properties() -> Vec<Property<WitnessProtocol>> {
    let of_witness: Vec<Property<WitnessProtocol>> = vec![
        Property::always(NO_FALSE_ALARM, |_, state: &WitnessState| !state.false_alarm),
        Property::always("nothing foreign counts as ours", |_, state: &WitnessState| !state.overlooked),
        Property::always(SILENT, |_, state: &WitnessState| {
            !state.silent.iter().any(|slot| state.here.signers.history.has_recorded_at(*slot))
        }),
        Property::always(ABOVE, WitnessProtocol::is_above),
        Property::always(ACKNOWLEDGED, |_, state: &WitnessState| {
            let store = &state.here.signers.store;
            !state.stopped_again && store.stops() & store.acknowledged() == 0
        }),
        Property::always(LEFT, |_, state: &WitnessState| !state.violations().left_after_stop),
        Property::always(EXPORTED, |_, state: &WitnessState| !state.violations().left_unexported),
        Property::always("every request and watcher ends", |protocol: &WitnessProtocol, state: &WitnessState| {
            has_next_step(protocol, state) || state.here.signers.is_over()
        }),
        Property::sometimes("every watcher is over", |_, state: &WitnessState| {
            state.watchers.iter().all(|watcher| matches!(**watcher, Watcher::Done { .. }))
        }),
        Property::sometimes("a foreign vote stops the key", |protocol: &WitnessProtocol, state: &WitnessState| {
            let has_stopped = |watcher: &crate::hashed::Hashed<Watcher>| **watcher == Watcher::Done { stopped: true };
            protocol.setup.elsewhere.is_empty() || state.watchers.iter().any(has_stopped)
        }),
    ];
    of_signers::<WitnessProtocol>().into_iter().chain(of_witness).collect()
}

impl WitnessProtocol {
    fn is_above(&self, state: &WitnessState) -> bool {
        let foreign = self.votes.iter().filter(|vote| !vote.is_ours);
        foreign.into_iter().all(|vote| {
            let marks = self.here.signers.workload.marks.iter().enumerate().filter(|(_, id)| **id == vote.id);
            let stored = marks.filter_map(|(mark, _)| state.here.signers.store.read(mark));
            stored.into_iter().all(|stored| {
                let stops = stored.mark.stops();
                let is_stopped = stops.iter().any(|stop| stop.id == crate::stops::stop::stop(vote.number).id);
                !is_stopped || stored.mark.true_position() >= vote.position
            })
        })
    }
}
