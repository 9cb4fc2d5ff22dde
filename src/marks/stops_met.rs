//! The stops that this process has met, so that it logs each once.

use super::stop::{Stop, StopId};
use super::{MarkId, NotRecorded, NotSafe};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tracing::{info, warn};

/// The stop that each mark was last met with. Only stopped marks are noted, so it is as bounded as they are.
#[derive(Debug, Default)]
pub(super) struct StopsMet(Mutex<HashMap<MarkId, StopId>>);

impl StopsMet {
    /// Logs a change: a mark is stopped that was not, or not by this stop, or it is no longer stopped.
    pub(super) fn note<R>(&self, id: &MarkId, verdict: &Result<R, NotRecorded>) {
        match verdict {
            Err(NotRecorded::NotSafe(NotSafe::Stopped { stop, .. })) if self.is_new(id, stop) => warn!(
                event = "key_stopped",
                key = %id.key,
                chain = %id.chain,
                kind = %id.kind,
                stop = %stop.id,
                by = stop.by,
                reason = stop.reason(),
                "the key is stopped: nothing of this kind is signed with it on this chain"
            ),
            Ok(_) if self.is_over(id) => info!(
                event = "key_resumed",
                key = %id.key,
                chain = %id.chain,
                kind = %id.kind,
                "the key is no longer stopped: it signs this kind again on this chain"
            ),
            _ => {}
        }
    }

    fn is_new(&self, id: &MarkId, stop: &Stop) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(*id, stop.id) != Some(stop.id)
    }

    fn is_over(&self, id: &MarkId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id).is_some()
    }
}
