//! Invariants of handovers, in addition to those of the signers of each store.

use super::state::Run;
use super::{HandoverProtocol, HandoverState};
use crate::history::Observed;
use crate::properties::{has_next_step, of_signers};
use crate::stops::properties::{EXPORTED, LEFT};
use stateright::Property;

/// Name of the property that no slot has signatures of two digests, and no block two signatures, in both stores together.
pub(super) const ONE_DIGEST_IN_BOTH: &str = "one digest in both";

pub(super) fn properties() -> Vec<Property<HandoverProtocol>> {
    let of_both: Vec<Property<HandoverProtocol>> = vec![
        Property::always(ONE_DIGEST_IN_BOTH, |_, state: &HandoverState| {
            let [a, b] = &state.sites;
            a.signers.history.agrees_with(&b.signers.history)
        }),
        Property::always(LEFT, |_, state: &HandoverState| !state.violations().left_after_stop),
        Property::always(EXPORTED, |_, state: &HandoverState| !state.violations().left_unexported),
        Property::always("every request and handover ends", |protocol: &HandoverProtocol, state: &HandoverState| {
            has_next_step(protocol, state) || state.sites[0].signers.is_over()
        }),
        Property::always("the key signs at its new signer", |protocol: &HandoverProtocol, state: &HandoverState| {
            if *state.run != Run::Over {
                return true;
            }
            let site = protocol.last_site();
            !state.sites[site].signers.is_over()
                || protocol.sites[site].signers.answers_in_calm(&state.sites[site].signers)
        }),
        Property::sometimes("A has signed, and then B", |_, state: &HandoverState| {
            state.sites.iter().all(|site| site.signers.history.has_released_any())
        }),
        Property::sometimes("the key has signed after all", |protocol: &HandoverProtocol, state: &HandoverState| {
            let site = protocol.last_site();
            let last = protocol.setup.signers.levels;
            *state.run == Run::Over && state.sites[site].signers.history.has_released_at(usize::from(last) - 1)
        }),
    ];
    of_signers::<HandoverProtocol>().into_iter().chain(of_both).collect()
}
