//! Waits for conditions.

use std::time::{Duration, Instant};

/// Polls until there is a value. Panics after twenty seconds; `what` names the awaited value.
pub(crate) fn eventually<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = poll() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{what}: not within twenty seconds");
        std::thread::yield_now();
    }
}
