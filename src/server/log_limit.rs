//! Limits warnings that any client can cause.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of warnings about clients that are logged per second.
const MAX_LINES_PER_SECOND: u32 = 20;

struct Window {
    start: Option<Instant>,
    logged: u32,
    suppressed: u64,
}

static WINDOW: Mutex<Window> = Mutex::new(Window { start: None, logged: 0, suppressed: 0 });

/// Calls `log` for a warning that any client can cause, unless there were too many within a second. Its argument is the number
/// of warnings suppressed since the last one logged.
pub(crate) fn warn_of_clients(log: impl FnOnce(u64)) {
    let mut window = WINDOW.lock().unwrap_or_else(PoisonError::into_inner);
    if window.start.is_none_or(|start| start.elapsed() >= Duration::from_secs(1)) {
        window.start = Some(Instant::now());
        window.logged = 0;
    }
    if window.logged < MAX_LINES_PER_SECOND {
        window.logged += 1;
        log(std::mem::take(&mut window.suppressed));
    } else {
        window.suppressed += 1;
    }
}
