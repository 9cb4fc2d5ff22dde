//! The levels of marks as this process last saw them, for metrics.

use super::MarkId;
use crate::tezos::payload::NonNegative;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The levels of the marks that the store holds, as last seen. Apart from [`Slots`](super::slots::Slots), so that reading them never
/// waits for a request. As bounded as the slots are: only marks that exist are noted.
#[derive(Debug, Default)]
pub(super) struct LevelsSeen(Mutex<HashMap<MarkId, LevelSeen>>);

/// The level of a mark, and when it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelSeen {
    /// The mark.
    pub id: MarkId,
    /// Its level.
    pub level: NonNegative,
    /// When it was seen.
    pub at: Instant,
}

impl LevelsSeen {
    pub(super) fn note(&self, id: &MarkId, level: NonNegative) {
        let seen = LevelSeen { id: *id, level, at: Instant::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(*id, seen);
    }

    pub(super) fn list(&self) -> Vec<LevelSeen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect()
    }
}
