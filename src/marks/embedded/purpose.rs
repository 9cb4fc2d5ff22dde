//! What a store is opened for.

/// Why a store is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To sign. Neither a lost store nor a mark that may have been lost is created again.
    Sign,
    /// For an operator who restores marks.
    Raise,
    /// Read-only.
    Read,
}
