//! The state of signers and commands.

use crate::State;
use crate::hashed::Hashed;
use crate::history::{Observed, Violations};
use azurehsm_signer::marks::{self, LiftStops, StopMark};

/// A global state of signers and commands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StopState {
    pub(crate) signers: State,
    pub(crate) runs: Vec<Hashed<Run>>,
    /// The level that a resume raises the marks to; `None` if nothing was signed elsewhere.
    pub(crate) resumes_at: Option<u8>,
}

impl Observed for StopState {
    fn violations(&self) -> &Violations {
        self.signers.violations()
    }
}

/// The progress of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) enum Run {
    /// Not begun.
    #[default]
    Waiting,
    /// A stop: it has the list of marks, but the stop item is not written. Only in a broken variant.
    ListedFirst(Vec<usize>),
    /// A stop: the stop item is written.
    Listing,
    /// Marks are written, one after the other.
    Marks(Marks),
    /// A resume: the marks are written, and the stop item is not.
    Item { stops: u8 },
    /// Over.
    Done,
    /// A resume: a mark has another stop.
    OtherStops,
}

/// Marks that a command still has to write.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Marks {
    /// The stops that are written or lifted.
    pub(super) stops: u8,
    /// For each mark and stop that is left.
    pub(super) left: Vec<Work>,
    /// Whether a resume has written the stop item, and looks at the marks again.
    pub(super) is_second_pass: bool,
}

/// The product's recording, which has read the mark and is about to write it, or has not begun.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Work {
    pub(super) mark: usize,
    pub(super) stop: u8,
    pub(super) recording: Option<Box<Recording>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Recording {
    Stop(marks::Recording<StopMark>),
    Lift(marks::Recording<LiftStops>),
}
