//! Tasks beside the requests.

use futures::FutureExt;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tracing::error;

/// Runs a task that never ends. Should a fault of the program end it after all, it is logged and started again: tokens that
/// are no more renewed, a node that is no more asked, or an account that is no more checked, would show only when it is too
/// late.
pub async fn keep_running<T: Future>(name: &'static str, task: impl Fn() -> T) -> Infallible {
    const PAUSE: Duration = Duration::from_secs(1);
    loop {
        // Nothing of a run is seen after it, but what it published whole.
        let ended = AssertUnwindSafe(task()).catch_unwind().await;
        let how = if ended.is_ok() { "ended" } else { "panicked" };
        error!(task = name, how, event = "background_task_restarted", "a background task failed and is started again");
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_or_ends_is_started_again() {
        let runs = AtomicUsize::new(0);
        let task = || async {
            match runs.fetch_add(1, Ordering::Relaxed) {
                0 => panic!("a fault"),
                1 => {}
                _ => std::future::pending().await,
            }
        };
        let limit = tokio::time::timeout(Duration::from_secs(10), keep_running("test", task)).await;
        assert!(limit.is_err());
        assert_eq!(runs.load(Ordering::Relaxed), 3);
    }
}
