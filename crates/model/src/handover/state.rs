//! The state of two stores with their signers, and of the operator.

use crate::hashed::Hashed;
use crate::history::{Observed, Violations};
use crate::raise::Raising;
use crate::stops::StopState;
use azurehsm_signer::tezos::payload::Position;
use azurehsm_signer::tezos::{Digest, Signature};

/// A global state of two stores.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HandoverState {
    /// A and B.
    pub(super) sites: [StopState; 2],
    pub(super) run: Hashed<Run>,
    /// The highest level of a request that a signer has received. The chain is at most a few levels behind.
    pub(super) requested: u8,
    /// Whether B was started: its signers receive requests.
    pub(super) is_started: bool,
    pub(super) violations: Violations,
}

impl Observed for HandoverState {
    fn violations(&self) -> &Violations {
        &self.violations
    }
}

/// What the operator does next. Each step is part of the handover of this number: 0 from A to B, 1 back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Run {
    /// Exports the marks before the stop. Only in a broken variant.
    ExportFirst,
    /// Goes on with the stop. In a broken variant, with marks that were exported before.
    Stop { handover: usize, exported: Option<Vec<Target>> },
    /// Exports the marks.
    Export { handover: usize },
    /// Raises the marks of the other store: to those exported, and above the head.
    Raise { handover: usize, left: Vec<Target>, raising: Option<Raising> },
    /// Starts the signers of the other store, or lifts the stop there.
    Start { handover: usize },
    /// Is done.
    Over,
}

/// Where a mark is raised to, and what was signed there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) mark: usize,
    pub(super) position: Position,
    pub(super) signed: Option<(Digest, Option<Signature>)>,
}
