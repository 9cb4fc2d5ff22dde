//! The steps of a run with relays.

use crate::Action;

/// One step of a run. Calls are requests of bakers to a relay; legs are a relay's requests to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelayAction {
    /// A step at the signers.
    Signers(Action),
    /// A call arrives at its relay.
    Call(usize),
    /// The reply to a leg arrives at the relay.
    Reply {
        /// Number of the call.
        call: usize,
        /// Number of its leg.
        leg: usize,
    },
    /// A connection breaks: the relay gets no reply to a leg, which goes on at the signer.
    ConnectionBreaks {
        /// Number of the call.
        call: usize,
        /// Number of its leg.
        leg: usize,
    },
    /// Time passes until the relay would send a call again.
    TimePasses(usize),
    /// A relay is killed and starts again: it has forgotten all calls. Their legs go on.
    RelayIsKilled(usize),
}
