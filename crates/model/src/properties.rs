//! Invariants of every reachable state, and states that must be reachable for the model to be meaningful.

use crate::history::{ONE_DIGEST, ONE_SIGNATURE};
use crate::{Protocol, State};
use stateright::Property;

/// Each further write of a request needs another writer or a fault, and both are bounded.
const MAX_WRITES: u8 = 8;

pub(crate) fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always(ONE_DIGEST, |_, state: &State| !state.history.violations.two_digests),
        Property::always(ONE_SIGNATURE, |_, state: &State| !state.history.violations.two_signatures),
        Property::always("marks only rise", |_, state: &State| !state.history.violations.mark_fell),
        Property::always("released only what is recorded", |_, state: &State| !state.history.violations.not_recorded),
        Property::always("a repeat is never refused", |_, state: &State| !state.history.violations.repeat_refused),
        Property::always("a refusal has its reason in the mark", |_, state: &State| {
            !state.history.violations.refused_without_reason
        }),
        Property::always("nothing fails without a fault", |_, state: &State| {
            !state.history.violations.failed_without_fault
        }),
        Property::always("every request is answered", |protocol: &Protocol, state: &State| {
            protocol.is_answered(state, MAX_WRITES)
        }),
        Property::always("when faults stop, all is answered", |protocol: &Protocol, state: &State| {
            // After a loss, an operator has to raise the marks first.
            !state.is_over() || state.store.has_lost() || protocol.answers_in_calm(state)
        }),
        Property::sometimes("all slots are signed", |_, state: &State| state.history.is_all_released()),
        Property::sometimes("the last baker wins", |protocol: &Protocol, state: &State| {
            protocol
                .workload
                .last_at_first_slot()
                .is_some_and(|last| state.history.has_released(last.slot, last.request.digest))
        }),
    ]
}
