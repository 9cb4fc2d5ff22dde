//! Whether the host that started this process still runs.

use std::os::unix::process::parent_id;
use std::time::Duration;

/// How often to look.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// The process that started this one. When it dies, the system gives its children another parent.
///
/// Its id is compared with the one at the start, not with 1: in a container, the host may itself be process 1.
/// `PR_SET_PDEATHSIG` would not do, since it fires when the *thread* that started the process ends, which in the host is one of
/// a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParentProcess(u32);

impl ParentProcess {
    /// The parent of now. To be called first of all, while that is still the process that started this one.
    #[must_use]
    pub fn now() -> Self {
        Self(parent_id())
    }

    /// Whether this process has another parent by now, so that the one that started it is dead.
    #[must_use]
    pub fn is_gone(self) -> bool {
        Self::now() != self
    }
}
