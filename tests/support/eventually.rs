//! Waits for conditions.

use std::thread;
use std::time::{Duration, Instant};

/// Shorter than what is waited for; without a pause, the waiting test would take the processor from what it waits for.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Polls until there is a value. Panics after twenty seconds; `what` names the awaited value.
pub(crate) fn eventually<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = poll() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{what}: not within twenty seconds");
        thread::sleep(POLL_INTERVAL);
    }
}
