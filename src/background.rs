//! Background tasks, and work that would block others.

use futures::FutureExt;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tracing::error;

/// Runs a task that should never end, and restarts it if it panics or returns. Otherwise tokens would no longer be renewed,
/// nodes no longer polled or the account no longer checked, which would be noticed too late.
pub async fn keep_running<T: Future>(name: &'static str, task: impl Fn() -> T) -> Infallible {
    const PAUSE: Duration = Duration::from_secs(1);
    loop {
        // Unwind-safe: a run shares only state that it publishes atomically.
        let ended = AssertUnwindSafe(task()).catch_unwind().await;
        let how = if ended.is_ok() { "ended" } else { "panicked" };
        error!(task = name, how, event = "background_task_restarted", "background task failed; restarting");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Runs work that takes milliseconds on a thread for such work. It panics only if the work does.
pub(crate) async fn unblocked<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The program ends.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_or_ends_is_restarted() {
        let runs = AtomicUsize::new(0);
        let task = || async {
            match runs.fetch_add(1, Ordering::Relaxed) {
                0 => panic!("deliberate"),
                1 => {}
                _ => std::future::pending().await,
            }
        };
        let limit = tokio::time::timeout(Duration::from_secs(10), keep_running("test", task)).await;
        assert!(limit.is_err());
        assert_eq!(runs.load(Ordering::Relaxed), 3);
    }
}
