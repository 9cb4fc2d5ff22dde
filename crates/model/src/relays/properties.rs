//! Invariants of relays, in addition to those of the signers behind them.

use super::state::{Call, Reply};
use super::{RelayProtocol, RelayState};
use crate::properties::{has_next_step, of_signers};
use crate::state::Ending;
use stateright::Property;

/// Name of the property that a relay never refuses what a request in flight signs.
pub(super) const REFUSED: &str = "a refusal is final";
/// Name of the property that a companion key signs only what its consensus key does: no two bakers win one key each.
pub(super) const NOT_SPLIT: &str = "both keys sign the same";

pub(super) fn properties() -> Vec<Property<RelayProtocol>> {
    let of_relays: Vec<Property<RelayProtocol>> = vec![
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
            let is_over = |call: &Call| matches!(call, Call::Answered { .. } | Call::Forgotten);
            has_next_step(protocol, state) || state.calls.iter().all(is_over)
        }),
        Property::sometimes("all calls are signed", |_, state: &RelayState| {
            state.calls.iter().any(|call| matches!(call, Call::Answered { reply: Reply::Signed, .. }))
                && state.calls.iter().all(|call| matches!(call, Call::Answered { .. }))
        }),
        Property::sometimes("a call that was sent twice is signed", |_, state: &RelayState| {
            state.calls.iter().any(|call| matches!(call, Call::Answered { reply: Reply::Signed, sent: 2.., .. }))
        }),
    ];
    of_signers::<RelayProtocol>().into_iter().chain(of_relays).collect()
}
