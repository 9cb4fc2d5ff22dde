//! Invariants of relays, in addition to those of the signers behind them.

use super::state::{Call, Reply};
use super::{RelayProtocol, RelayState};
use crate::history::{ONE_DIGEST, ONE_SIGNATURE, Violations};
use crate::state::Ending;
use stateright::{Model, Property};

/// Name of the property that a relay never refuses what a request in flight signs.
pub(super) const REFUSED: &str = "a refusal is final";
/// Name of the property that a companion key signs only what its consensus key does: no two bakers win one key each.
pub(super) const NOT_SPLIT: &str = "both keys sign the same";

pub(super) fn properties() -> Vec<Property<RelayProtocol>> {
    const fn of(state: &RelayState) -> &Violations {
        &state.signers.history.violations
    }
    vec![
        Property::always(ONE_DIGEST, |_, state: &RelayState| !of(state).two_digests),
        Property::always(ONE_SIGNATURE, |_, state: &RelayState| !of(state).two_signatures),
        Property::always("marks only rise", |_, state: &RelayState| !of(state).mark_fell),
        Property::always("released only what is recorded", |_, state: &RelayState| !of(state).not_recorded),
        Property::always("a repeat is never refused", |_, state: &RelayState| !of(state).repeat_refused),
        Property::always("a refusal has its reason in the mark", |_, state: &RelayState| {
            !of(state).refused_without_reason
        }),
        Property::always("nothing fails without a fault", |_, state: &RelayState| !of(state).failed_without_fault),
        Property::always(REFUSED, |_, state: &RelayState| {
            state.calls.iter().all(|call| match call {
                Call::Answered { reply: Reply::Refused, in_flight, .. } => {
                    in_flight.iter().all(|request| state.signers.endings[*request] != Some(Ending::Signed))
                }
                _ => true,
            })
        }),
        Property::always(NOT_SPLIT, |protocol: &RelayProtocol, state: &RelayState| protocol.companions_follow(state)),
        Property::always("every call is answered", |protocol: &RelayProtocol, state: &RelayState| {
            let mut actions = Vec::new();
            protocol.actions(state, &mut actions);
            let is_over = |call: &Call| matches!(call, Call::Answered { .. } | Call::Forgotten);
            !actions.is_empty() || state.calls.iter().all(is_over)
        }),
        Property::sometimes("all calls are signed", |_, state: &RelayState| {
            state.calls.iter().any(|call| matches!(call, Call::Answered { reply: Reply::Signed, .. }))
                && state.calls.iter().all(|call| matches!(call, Call::Answered { .. }))
        }),
        Property::sometimes("a call that was sent twice is signed", |_, state: &RelayState| {
            state.calls.iter().any(|call| matches!(call, Call::Answered { reply: Reply::Signed, sent: 2.., .. }))
        }),
    ]
}
