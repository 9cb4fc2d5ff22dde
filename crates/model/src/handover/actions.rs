//! The steps of a run with two stores.

use crate::Action;

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandoverAction {
    /// A step at the signers of a store: 0 for A, 1 for B.
    Signers(usize, Action),
    /// The operator's next step.
    Operator,
}
