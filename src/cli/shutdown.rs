//! Ends `serve` and `relay` after a signal, or when the Functions host that started the process dies, and determines the exit status.

use azurehsm_signer::functions_host::{MAX_SHUTDOWN, PLANNED_END_STATUS, ParentProcess, WATCH_INTERVAL};
use azurehsm_signer::log;
use std::convert::Infallible;
use std::io;
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// Watches for signals and for the host's death, on a separate thread that cannot be blocked by a start that waits for a lock,
/// or by a busy runtime.
pub(super) struct Shutdown {
    host: Option<ParentProcess>,
    state: Arc<Progress>,
}

/// What SIGHUP does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HangUp {
    /// It ends the process, unless the process was started with SIGHUP ignored, for example with `nohup`.
    Ends,
    /// The process reads its files again.
    Reloads,
}

#[derive(Default)]
struct Progress {
    /// Whether there may be requests to finish after the first signal. Before that, a signal ends the process immediately.
    is_serving: AtomicBool,
    requested: Notify,
    reload_requested: Notify,
}

impl Shutdown {
    /// Installs handlers for SIGTERM, SIGINT and SIGHUP, and returns when they are active. `host` is the Functions host, if it
    /// started this process, and `hang_up` what SIGHUP does.
    ///
    /// # Errors
    /// If the system is out of threads or files.
    pub(super) fn watch(host: Option<ParentProcess>, hang_up: HangUp) -> io::Result<Self> {
        let state = Arc::new(Progress::default());
        let (sender, installed) = mpsc::sync_channel(1);
        thread::Builder::new().name("shutdown".to_owned()).spawn({
            let state = Arc::clone(&state);
            move || match install(hang_up) {
                Ok((runtime, signals)) => {
                    drop(sender.send(Ok(())));
                    match runtime.block_on(end(signals, host, &state)) {}
                }
                Err(error) => drop(sender.send(Err(error))),
            }
        })?;
        installed.recv().map_err(io::Error::other)??;
        Ok(Self { host, state })
    }

    /// From now on, the first signal no longer ends the process. Call this before the first request can arrive.
    pub(super) fn serve(&self) {
        self.state.is_serving.store(true, Ordering::SeqCst);
    }

    /// Returns after the first signal.
    pub(super) async fn requested(&self) {
        self.state.requested.notified().await;
    }

    /// Returns after a SIGHUP that does not end the process.
    pub(super) async fn reload_requested(&self) {
        self.state.reload_requested.notified().await;
    }

    /// The exit status of a planned exit.
    pub(super) fn status(&self) -> ExitCode {
        ExitCode::from(planned_status(self.host))
    }
}

fn planned_status(host: Option<ParentProcess>) -> u8 {
    if host.is_some() { PLANNED_END_STATUS } else { 0 }
}

/// Ends the process, unless it exits first.
async fn end(mut signals: Signals, host: Option<ParentProcess>, state: &Progress) -> Infallible {
    tokio::select! {
        () = signals.end(state) => {}
        // Immediately, since the only client is gone. The status is irrelevant.
        () = gone(host) => exit(PLANNED_END_STATUS.into()),
    }
    if !state.is_serving.load(Ordering::SeqCst) {
        log::finish();
        exit(planned_status(host).into());
    }
    state.requested.notify_one();
    let timeout = async {
        match host {
            Some(_) => tokio::time::sleep(MAX_SHUTDOWN).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signals.end(state) => log::finish(),
        () = gone(host) => {}
        () = timeout => {}
    }
    // Without the host, this is reached only by a second signal, which aborts requests in flight: the status reports that.
    exit(host.map_or(1, |_| PLANNED_END_STATUS.into()));
}

/// Returns when the host is dead; never without a host.
async fn gone(host: Option<ParentProcess>) {
    let Some(host) = host else { return std::future::pending().await };
    while !host.is_gone() {
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` if SIGHUP is ignored.
    hang_up: Option<Signal>,
    on_hang_up: HangUp,
}

fn install(on_hang_up: HangUp) -> io::Result<(Runtime, Signals)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let guard = runtime.enter();
    let is_ignored = on_hang_up == HangUp::Ends && ignores_hang_up();
    let hang_up = if is_ignored { None } else { Some(signal(SignalKind::hangup())?) };
    let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let signals = Signals { terminate, interrupt, hang_up, on_hang_up };
    drop(guard);
    Ok((runtime, signals))
}

impl Signals {
    /// Returns after the next signal that ends the process.
    async fn end(&mut self, state: &Progress) {
        loop {
            let hang_up = async {
                match &mut self.hang_up {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = hang_up => match self.on_hang_up {
                    HangUp::Ends => return,
                    HangUp::Reloads => state.reload_requested.notify_one(),
                }
            }
        }
    }
}

fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
