//! Why the process has no access token.

use azure_core::error::{Error, ErrorKind};

/// Why there is no valid token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// The request for a token failed.
    #[error("{0}")]
    NotRenewed(String),
    /// A new token has already expired by this machine's clock.
    #[error(
        "a token that was just issued expired {} s ago by this machine's clock, which is probably ahead: set the clock \
         (timedatectl set-ntp true, or chronyc makestep; a container uses the clock of its host)",
        expired.whole_seconds()
    )]
    ClockAhead {
        /// How long ago.
        expired: time::Duration,
    },
    /// The last token has expired, because the machine slept or its clock was set. Renewal is in progress.
    #[error("the token has expired; requesting a new one")]
    BeingRenewed,
}

impl From<NoToken> for Error {
    fn from(reason: NoToken) -> Self {
        let text = reason.to_string();
        Self::with_error(ErrorKind::Credential, reason, text)
    }
}
