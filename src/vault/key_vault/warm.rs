//! Keeps a connection to the vault open while nothing is signed.

use super::KeyVault;
use crate::vault::VaultError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tracing::warn;

/// Time limit of the read.
const TIMEOUT: Duration = Duration::from_secs(5);

impl KeyVault {
    /// While polled, reads a key whenever the vault has answered no call for `VAULT_IDLE_SECONDS`. So a connection is open when a
    /// signature is requested, and a dead connection is found by this read instead of a signing request. An instance that signs
    /// makes no such reads, which cost money.
    ///
    /// Returns the error if the vault denies the read: the identity may have lost its role, or the key may have been disabled.
    pub(super) async fn read_when_idle(&self) -> VaultError {
        let mut last_read = Instant::now();
        loop {
            let idle = self.http_client.since_last_answer().min(last_read.elapsed());
            if let Some(rest) = self.idle_after.checked_sub(idle).filter(|rest| !rest.is_zero()) {
                tokio::time::sleep(rest).await;
                continue;
            }
            last_read = Instant::now();
            // A search of the vault makes enough calls.
            let Some(known) = self.discovery.try_lock().ok().and_then(|discovery| discovery.any_known()) else {
                continue;
            };
            match tokio::time::timeout(TIMEOUT, self.read_key(&known)).await {
                Ok(Ok(_)) => self.is_read_denied.store(false, Ordering::Relaxed),
                Ok(Err(error @ (VaultError::Denied(_) | VaultError::Missing(_)))) => {
                    if !self.is_read_denied.swap(true, Ordering::Relaxed) {
                        warn!(
                            event = "vault_read_denied",
                            name = known.name,
                            version = known.version,
                            reason = error.log(),
                            "the vault no longer lets this identity read a key"
                        );
                    }
                    return error;
                }
                // If the vault is unreachable, the next signing request or search will show it.
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
}
