//! The state of signers, commands and watchers.

use crate::hashed::Hashed;
use crate::history::{Observed, Violations};
use crate::raise::Raising;
use crate::stops::StopState;
use azurehsm_signer::marks::{self, Mark, StopMark};
use azurehsm_signer::tezos::payload::Position;

/// A global state of signers, commands and watchers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WitnessState {
    pub(super) here: StopState,
    /// For each level at which the other signer may sign, whether it has.
    pub(super) elsewhere: Vec<bool>,
    pub(super) watchers: Vec<Hashed<Watcher>>,
    /// Slots with a vote of the other signer that was judged and dealt with, before anything was recorded here.
    pub(super) silent: Vec<usize>,
    /// A vote of the signers here was judged as foreign.
    pub(super) false_alarm: bool,
    /// A vote of the other signer was judged as one from here.
    pub(super) overlooked: bool,
    /// Evidence stopped the key although it was acknowledged before it was seen.
    pub(super) stopped_again: bool,
}

impl Observed for WitnessState {
    fn violations(&self) -> &Violations {
        self.here.violations()
    }
}

/// The progress of a watcher.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) enum Watcher {
    /// It waits for a block.
    #[default]
    Waiting,
    /// It has read these marks, and waits for a block. Only in a broken variant.
    MarksRead(Vec<Option<Mark>>),
    /// It has read a block with this vote, and these marks since.
    BlockRead { seen: Seen, marks: Vec<Option<Mark>> },
    /// The vote is foreign: the stop item is read next.
    Foreign { seen: Seen, raise_to: Option<Position> },
    /// The evidence was not acknowledged when the stop item was read: the stop is added next.
    Unacknowledged { seen: Seen, raise_to: Option<Position> },
    /// These marks are stopped, one after the other.
    Stopping {
        seen: Seen,
        raise_to: Option<Position>,
        left: Vec<usize>,
        stopping: Option<Box<marks::Recording<StopMark>>>,
    },
    /// These marks are raised, one after the other.
    Raising { seen: Seen, to: Position, left: Vec<usize>, raising: Option<Raising> },
    /// Over.
    Done { stopped: bool },
}

/// What a watcher has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    /// Number of the vote.
    pub(super) vote: usize,
    /// Whether an operator had acknowledged it before.
    pub(super) was_acknowledged: bool,
}
