use super::SignatureVersion;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use tracing::warn;

/// How many versions are remembered and logged: any number may be sent, and none costs more than a few bytes.
const MAX_LOGGED: usize = 16;

/// Signature versions that clients requested and this release does not know. Each is logged once.
#[derive(Default)]
pub(super) struct NewerVersions(Mutex<BTreeSet<u64>>);

impl NewerVersions {
    /// Logs a version that is newer than all that are known, if it is the first request with it.
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
                "clients ask for more than {MAX_LOGGED} versions of signatures that this release does not know: further ones are not logged"
            );
        } else {
            warn!(
                event = "newer_version",
                version = number,
                "a client asks for a version of signatures that this release does not know: it gets those of version 3, which differ \
                 from others for tz4 keys only; look for a newer release"
            );
        }
    }
}
