//! What is known about a version of a mark that this process wrote: for the request that wrote it, and for the history. No decision
//! on signing depends on it.

use super::{Mark, MarkId};
use crate::tezos::Digest;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Takes note of the versions that this process writes, for a history. Must not block: requests wait for it.
pub trait WriteObserver: Send + Sync {
    /// The store has accepted this version of the mark.
    fn written(&self, id: &MarkId, mark: &Mark);
}

/// The place of a version in the chain of its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the version.
    pub sequence: u64,
    /// The digest of the version before; `None` for the first one.
    pub previous: Option<Digest>,
}

/// What a request learns about its write.
#[derive(Debug, Default)]
pub struct WriteNote {
    wrote: AtomicBool,
    place: OnceLock<Place>,
}

impl WriteNote {
    /// Whether the request wrote the mark, or may have: otherwise, it is a repeat.
    pub fn has_written(&self) -> bool {
        self.wrote.load(Ordering::Relaxed)
    }

    /// The place of the version that the request wrote, once the store has accepted it.
    pub fn place(&self) -> Option<Place> {
        self.place.get().copied()
    }

    pub(super) fn writes(&self) {
        self.wrote.store(true, Ordering::Relaxed);
    }

    pub(super) fn accepted(&self, mark: &Mark) {
        if let Some(trail) = &mark.trail {
            self.place.get_or_init(|| Place { sequence: trail.sequence, previous: trail.previous });
        }
    }
}
