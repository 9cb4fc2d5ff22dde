//! The steps of a run with watchers.

use crate::StopAction;

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WitnessAction {
    /// A step at the signers, or of a command.
    Here(StopAction),
    /// The other signer signs at this level.
    SignedElsewhere(u8),
    /// A watcher reads a block with the vote of this number.
    BlockIsRead {
        /// Number of the watcher.
        watcher: usize,
        /// Number of the vote: of the signers here first, then of the other one.
        vote: usize,
    },
    /// The next step of this watcher.
    Watcher(usize),
}
