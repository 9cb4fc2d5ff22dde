//! Invariants of every reachable state, and states that must be reachable for the model to be meaningful.

use crate::history::{ONE_DIGEST, ONE_SIGNATURE, Observed};
use crate::{Protocol, State};
use stateright::{Model, Property};

/// Each further write of a request needs another writer or a fault, and both are bounded.
const MAX_WRITES: u8 = 8;

pub(crate) fn properties() -> Vec<Property<Protocol>> {
    let of_model: Vec<Property<Protocol>> = vec![
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
    ];
    of_signers::<Protocol>().into_iter().chain(of_model).collect()
}

/// Invariants of the signers, in every model that contains them.
pub(crate) fn of_signers<M: Model<State: Observed>>() -> Vec<Property<M>> {
    vec![
        Property::always(ONE_DIGEST, |_, state: &M::State| !state.violations().two_digests),
        Property::always(ONE_SIGNATURE, |_, state: &M::State| !state.violations().two_signatures),
        Property::always("marks only rise", |_, state: &M::State| !state.violations().mark_fell),
        Property::always("released only what is recorded", |_, state: &M::State| !state.violations().not_recorded),
        Property::always("a repeat is refused only by a stop", |_, state: &M::State| {
            !state.violations().repeat_refused
        }),
        Property::always("a refusal has its reason", |_, state: &M::State| !state.violations().refused_without_reason),
        // In particular, a lifted stop is not taken for a loss.
        Property::always("nothing fails without a fault", |_, state: &M::State| {
            !state.violations().failed_without_fault
        }),
    ]
}

/// Whether any step is possible.
pub(crate) fn has_next_step<M: Model>(model: &M, state: &M::State) -> bool {
    let mut actions = Vec::new();
    model.actions(state, &mut actions);
    !actions.is_empty()
}
