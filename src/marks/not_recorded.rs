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
    #[error(
        "this key already has marks on {limit} unknown chains in this process: name its chains in the policy, and restart \
         the signer"
    )]
    TooManyChains {
        /// How many are allowed.
        limit: usize,
    },
}

impl NotRecorded {
    /// The text for the log.
    pub fn log(&self) -> String {
        match self {
            Self::Store(error) => error.log(),
            Self::Lost(lost) => lost.log(),
            Self::NotSafe(_) | Self::TooManyChains { .. } => self.to_string(),
        }
    }
}
