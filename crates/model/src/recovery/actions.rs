//! The steps of a run with a store that is lost or restored.

use crate::Action;

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecoveryAction {
    /// A step at the signers, or the container is created again without marks.
    Signers(Action),
    /// A copy of all marks is made.
    BackUp,
    /// The marks are restored from the copy.
    Restore,
    /// The next step of the recovery of this number.
    Recover(usize),
}
