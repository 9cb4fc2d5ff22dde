//! The steps of a run with stops.

use crate::Action;

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopAction {
    /// A step at the signers.
    Signers(Action),
    /// The next step of the command of this number.
    Command(usize),
}
