//! The state of signers and recoveries.

use crate::State;
use crate::hashed::Hashed;
use crate::history::{Observed, Violations};
use crate::raise::Raising;

/// A global state of signers and recoveries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecoveryState {
    pub(super) signers: State,
    pub(super) runs: Vec<Hashed<Run>>,
    /// The highest level of a request that a signer has received. The chain is at most a few levels behind.
    pub(super) requested: u8,
    /// Whether the marks of the container in use are complete: nothing was lost, or all were raised since.
    pub(super) is_complete: bool,
}

impl Observed for RecoveryState {
    fn violations(&self) -> &Violations {
        self.signers.violations()
    }
}

/// The progress of a recovery.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) enum Run {
    /// Not begun.
    #[default]
    Waiting,
    /// It has read the head, but does not know the container. Only in a broken variant.
    HeadRead { level: u8 },
    /// It is connected to this container.
    Connected { container: u8 },
    /// Marks are raised, one after the other.
    Marks(Marks),
    /// The marks are raised, and the key is not bound yet.
    Raised { container: u8 },
    /// Over.
    Done,
}

/// Marks that a recovery still has to raise.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Marks {
    /// The container that the key will be bound to.
    pub(super) container: u8,
    /// The level that the marks are raised to.
    pub(super) level: u8,
    pub(super) left: Vec<usize>,
    /// The raise of the first of them, if it has begun.
    pub(super) raising: Option<Raising>,
}
