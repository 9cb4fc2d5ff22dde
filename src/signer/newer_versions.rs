//! Logs clients that request signature versions newer than this release supports.

use crate::tezos::SignatureVersion;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use tracing::warn;

/// Maximum number of versions that are remembered and logged: clients can send any number of them.
const MAX_LOGGED: usize = 16;

/// Signature versions that clients requested and this release does not support. Each is logged once.
#[derive(Default)]
pub(super) struct NewerVersions(Mutex<BTreeSet<u64>>);

impl NewerVersions {
    /// Logs a version newer than the newest supported one, the first time that it is requested.
    pub(super) fn log(&self, version: SignatureVersion) {
        let SignatureVersion::Newer(number) = version else { return };
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() > MAX_LOGGED || !logged.insert(number) {
            return;
        }
        let is_last = logged.len() > MAX_LOGGED;
        drop(logged);
        if is_last {
            warn!(
                event = "newer_version",
                "clients request more than {MAX_LOGGED} signature versions that this release does not support; not logging further ones"
            );
        } else {
            warn!(
                event = "newer_version",
                version = number,
                "a client requests a signature version that this release does not support; answering with version 3, which differs \
                 for tz4 keys only; check for a newer release"
            );
        }
    }
}
