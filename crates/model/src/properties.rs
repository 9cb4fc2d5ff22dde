//! What must be true in every state that can be reached, and what must be true in some, or the model shows nothing.

use crate::{Protocol, State};
use stateright::Property;

pub(crate) const ONE_DIGEST: &str = "one digest a slot";
pub(crate) const ONE_SIGNATURE: &str = "one signature a block";
/// A request that writes again and again has met another writer, or a fault, each time: there are only so many.
const MAX_WRITES: u8 = 8;

pub(crate) fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always(ONE_DIGEST, |_, state: &State| !state.history.wrongs.two_digests),
        Property::always(ONE_SIGNATURE, |_, state: &State| !state.history.wrongs.two_signatures),
        Property::always("marks only rise", |_, state: &State| !state.history.wrongs.mark_fell),
        Property::always("released only what is recorded", |_, state: &State| !state.history.wrongs.not_recorded),
        Property::always("a repeat is never refused", |_, state: &State| !state.history.wrongs.repeat_refused),
        Property::always("a refusal has its reason in the mark", |_, state: &State| {
            !state.history.wrongs.refused_without_reason
        }),
        Property::always("nothing fails without a fault", |_, state: &State| {
            !state.history.wrongs.failed_without_fault
        }),
        Property::always("every request is answered", |protocol: &Protocol, state: &State| {
            protocol.is_answered(state, MAX_WRITES)
        }),
        Property::always("when faults stop, all is answered", |protocol: &Protocol, state: &State| {
            // A store that has lost something is used again when an operator has raised its marks.
            !state.is_over() || state.store.has_lost() || protocol.answers_in_calm(state)
        }),
        Property::sometimes("all slots are signed", |_, state: &State| state.history.is_all_released()),
        Property::sometimes("the last baker wins", |protocol: &Protocol, state: &State| {
            protocol
                .asks
                .last_at_first_slot()
                .is_some_and(|last| state.history.has_released(last.slot, last.request.digest))
        }),
    ]
}
