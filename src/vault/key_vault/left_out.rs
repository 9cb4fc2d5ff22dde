//! Logs each ineligible key version once per reason.

use super::{IneligibleKey, KeyIdentifier};
use std::collections::{HashMap, HashSet};
use tracing::info;

/// The versions that do not sign here, each with the reason that was logged.
#[derive(Default)]
pub(super) struct LeftOut(HashMap<KeyIdentifier, IneligibleKey>);

impl LeftOut {
    /// Logs that a version does not sign here, unless that was logged for the same reason.
    pub(super) fn add(&mut self, key: &KeyIdentifier, reason: &IneligibleKey) {
        let logged = self.0.insert(key.clone(), reason.clone());
        if logged.is_none_or(|logged| !logged.is_same_event(reason)) {
            info!(event = "key_left_out", name = key.name, version = key.version, reason = %reason, "this key does not sign here");
        }
    }

    /// Logs that an ineligible version signs again.
    pub(super) fn remove(&mut self, key: &KeyIdentifier) {
        if let Some(was) = self.0.remove(key) {
            info!(event = "key_no_longer_left_out", name = key.name, version = key.version, was = %was, "this key is no longer left out");
        }
    }

    /// Forgets versions that are no longer in the vault.
    pub(super) fn retain(&mut self, seen: &HashSet<KeyIdentifier>) {
        self.0.retain(|key, _| seen.contains(key));
    }
}
