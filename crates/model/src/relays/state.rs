//! The state of relays and signers.

use crate::State;
use crate::hashed::Hashed;
use crate::history::{Observed, Violations};
use azurehsm_signer::relay::decision::Decision;
use std::time::Duration;

/// A global state of relays and signers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RelayState {
    pub(super) signers: State,
    /// Where each request to a signer was sent, if it was.
    pub(super) sent: Vec<Option<usize>>,
    pub(super) calls: Vec<Call>,
    /// Kills of relays still allowed.
    pub(super) kills: u8,
    /// Lost replies still allowed.
    pub(super) lost_replies: u8,
}

impl Observed for RelayState {
    fn violations(&self) -> &Violations {
        self.signers.violations()
    }
}

/// A baker's request to a relay.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Call {
    /// Not made yet.
    Waiting,
    /// The relay works on it.
    Open(Hashed<OpenCall>),
    /// Answered. `in_flight` are the requests to signers without a reply by then, and `sent` the number of legs.
    Answered { reply: Reply, in_flight: Vec<usize>, sent: usize },
    /// The relay was killed, or would have sent more legs than the model has.
    Forgotten,
}

/// What the relay knows of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct OpenCall {
    pub(super) decision: Decision<Reply>,
    pub(super) legs: Vec<Leg>,
    pub(super) now: Duration,
    /// When the relay sends it again.
    pub(super) until: Option<Duration>,
}

/// A relay's request to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Leg {
    /// Number of the upstream.
    pub(super) upstream: usize,
    /// The request to the signer; `None` if that has another store.
    pub(super) request: Option<usize>,
    /// Whether the relay has its reply, or knows that there will be none.
    pub(super) is_over: bool,
}

/// What the relay can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reply {
    /// A signature.
    Signed,
    /// The signature of a signer with another store.
    SignedElsewhere,
    Refused,
    Failed,
}
