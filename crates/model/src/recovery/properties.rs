//! Invariants of recoveries, in addition to those of the signers.

use super::state::Run;
use super::{RecoveryProtocol, RecoveryState};
use crate::properties::{has_next_step, of_signers};
use stateright::Property;

pub(super) fn properties() -> Vec<Property<RecoveryProtocol>> {
    let of_recoveries: Vec<Property<RecoveryProtocol>> = vec![
        Property::always("every request and recovery ends", |protocol: &RecoveryProtocol, state: &RecoveryState| {
            has_next_step(protocol, state) || state.signers.is_over()
        }),
        Property::always("only a complete store signs", |_, state: &RecoveryState| {
            !state.is_bound() || state.is_complete || state.signers.store.container() == 0
        }),
        Property::always("a recovered key signs", |protocol: &RecoveryProtocol, state: &RecoveryState| {
            let may_sign = state.signers.is_over() && state.is_bound() && state.is_complete;
            !may_sign || protocol.signers.answers_in_calm(&state.signers)
        }),
        Property::sometimes("a recovered key has signed", |protocol: &RecoveryProtocol, state: &RecoveryState| {
            let is_over = state.runs.iter().any(|run| **run == Run::Done);
            let has_lost = state.signers.store.has_lost();
            is_over && has_lost && state.is_bound() && state.signers.is_over() && protocol.signs_above_a_raise(state)
        }),
    ];
    of_signers::<RecoveryProtocol>().into_iter().chain(of_recoveries).collect()
}

impl RecoveryState {
    /// Whether the key's tag names the container in use.
    fn is_bound(&self) -> bool {
        self.signers.tag == self.signers.store.container()
    }
}

impl RecoveryProtocol {
    /// Whether a signature was released at the highest level, or, in a setup with one level, whether a mark was raised to it.
    fn signs_above_a_raise(&self, state: &RecoveryState) -> bool {
        let highest = self.setup.signers.levels;
        if highest == 1 {
            return state.signers.store.read(0).is_some_and(|stored| stored.mark.true_digest().is_none());
        }
        self.highest_released(state) == highest
    }
}
