//! The last push of a program that ends.

use std::time::Duration;

/// Runs the blocking last push in a separate thread, and waits for it, at most for this long. The runtime would wait for one of its
/// own blocking threads without a limit.
pub(crate) async fn push_last(thread_name: &str, limit: Duration, push: impl FnOnce() + Send + 'static) {
    let (sender, ended) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name(thread_name.to_owned()).spawn(move || {
        push();
        _ = sender.send(());
    });
    if thread.is_ok() {
        drop(tokio::time::timeout(limit, ended).await);
    }
}
