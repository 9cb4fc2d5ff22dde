//! Work that would delay other requests.

use super::VaultError;
use crate::failure_reason::FailureReason;

/// Runs BLS operations and password hashing, which would delay other requests, on a blocking thread.
pub(super) async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, VaultError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| VaultError::unavailable(FailureReason::with_log("internal error", error.to_string())))
}
