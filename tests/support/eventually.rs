//! What becomes true by itself, in time.

use std::time::{Duration, Instant};

/// Asks until there is an answer; a test that waits for twenty seconds has failed.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{what}: not within twenty seconds");
        std::thread::yield_now();
    }
}
