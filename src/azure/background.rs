use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tracing::error;

/// Runs a task that never ends. Should a fault of the program end it after all, it begins anew: tokens that are no more
/// renewed, or an account that is no more checked, would show only when it is too late.
pub(crate) async fn keep_running<T>(name: &'static str, task: impl Fn() -> T)
where
    T: Future<Output = ()>,
{
    const PAUSE: Duration = Duration::from_secs(1);
    loop {
        // Nothing of a run is seen after it, but what it published whole.
        if AssertUnwindSafe(task()).catch_unwind().await.is_err() {
            error!(task = name, "a background task failed, and begins anew");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_begins_anew() {
        let runs = AtomicUsize::new(0);
        let task = || async {
            assert!(runs.fetch_add(1, Ordering::Relaxed) > 1, "a fault");
            std::future::pending::<()>().await;
        };
        let limit = tokio::time::timeout(Duration::from_secs(10), keep_running("test", task)).await;
        assert!(limit.is_err());
        assert_eq!(runs.load(Ordering::Relaxed), 3);
    }
}
