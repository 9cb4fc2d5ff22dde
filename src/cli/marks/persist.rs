//! Repeats calls to the mark store that failed.

use azurehsm_signer::marks::{NotRecorded, StoreError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a call that fails is repeated.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// An error of a call that can be repeated.
pub(super) trait IsFinal {
    /// Whether a repeat is pointless.
    fn is_final(&self) -> bool;
}

impl IsFinal for StoreError {
    fn is_final(&self) -> bool {
        matches!(self, Self::NotAMark { .. } | Self::Unsuitable(_) | Self::Recreated(_) | Self::Rejected { .. })
    }
}

impl IsFinal for NotRecorded {
    fn is_final(&self) -> bool {
        match self {
            Self::Store(error) => error.is_final(),
            _ => true,
        }
    }
}

/// Repeats a call until it succeeds, with a new deadline each time. Gives up after [`PATIENCE`].
pub(super) async fn persist<T, E: IsFinal>(
    timeout: Duration,
    call: impl AsyncFn(Instant) -> Result<T, E>,
) -> Result<T, E> {
    let end = Instant::now() + PATIENCE;
    loop {
        match call(Instant::now() + timeout).await {
            Err(error) if !error.is_final() && Instant::now() < end => tokio::time::sleep(PAUSE).await,
            answer => return answer,
        }
    }
}
