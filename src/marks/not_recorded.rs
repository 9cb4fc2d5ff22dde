//! Why a request or a raise was not recorded: refused by the rule, or failed.

use super::{Lost, NotSafe, StoreError};
use thiserror::Error;

/// Why nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotRecorded {
    /// Refused: it must not be signed.
    #[error(transparent)]
    NotSafe(NotSafe),
    /// Failed: the store could not be read or written.
    #[error(transparent)]
    Store(StoreError),
    /// Failed: the store has lost a mark of the key.
    #[error(transparent)]
    Lost(Lost),
    /// Failed: the key has been used on too many unknown chains.
    #[error(transparent)]
    TooManyChains(TooManyChains),
}

/// A key has marks on the maximum number of chains that one process remembers, not counting the public networks
/// ([`CHECKPOINTS`](crate::chain::checkpoints::CHECKPOINTS)).
///
/// Requests for chains that the policy excludes do not get this far, so a policy that lists the key's chains prevents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "this key already has marks on {limit} chains that are not public networks, the most that one process remembers: list \
     the key's chains under \"chains\" in the policy (POLICY or POLICY_FILE), and restart the signer"
)]
pub struct TooManyChains {
    /// The maximum.
    pub limit: usize,
}

impl NotRecorded {
    /// The text for the log.
    pub fn log(&self) -> String {
        match self {
            Self::Store(error) => error.log(),
            Self::Lost(lost) => lost.log(),
            Self::NotSafe(_) | Self::TooManyChains(_) => self.to_string(),
        }
    }
}
