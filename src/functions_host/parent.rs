//! Detects the death of the host that started this process.

use std::os::unix::process::parent_id;
use std::time::Duration;

/// How often to check the parent process.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// The process that started this one. When it dies, the kernel assigns its children another parent.
///
/// The parent's id is compared with the original one, not with 1: in a container, the host may be process 1.
/// `PR_SET_PDEATHSIG` is unsuitable, since it fires when the parent *thread* ends, and the host starts processes from a thread
/// pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParentProcess(u32);

impl ParentProcess {
    /// The current parent. Call this first, while the parent is still the process that started this one.
    #[must_use]
    pub fn now() -> Self {
        Self(parent_id())
    }

    /// Whether this process has another parent now, so the original one is dead.
    #[must_use]
    pub fn is_gone(self) -> bool {
        Self::now() != self
    }
}
