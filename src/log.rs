//! Logs: one line an event on standard output, for people on a terminal and as JSON otherwise.
//!
//! No key, token, `authentication` signature or query string is ever logged.

use crate::settings::{LogFormat, LogSettings};
use std::io::IsTerminal;
use tracing::warn;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait for a reader who is slow. When there are more, new ones are dropped: no signature waits for a log.
const WAITING_LINES: usize = 8192;

/// Logging, while it lives. Writes the last lines when it is dropped.
pub struct Logging {
    dropped: ErrorCounter,
    _guard: WorkerGuard,
}

impl Logging {
    /// How many lines had to be dropped so far.
    pub fn dropped_lines(&self) -> usize {
        self.dropped.dropped_lines()
    }
}

/// Starts logging, and warns of entries in `RUST_LOG` that have no effect.
///
/// # Errors
/// If logging has been started before.
pub fn start(settings: &LogSettings) -> Result<Logging, Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::builder().parse(settings.filter.to_string())?;
    let is_terminal = std::io::stdout().is_terminal();
    let as_json = match settings.format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).lossy(true).finish(std::io::stdout());
    let dropped = writer.error_counter();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(writer);
    if as_json {
        // Not flattened: an event's field `level` is the level of a block, not how grave the event is.
        subscriber.json().try_init()?;
    } else {
        subscriber.with_ansi(is_terminal).try_init()?;
    }
    for unknown in settings.filter.unknown_targets() {
        warn!(setting = "RUST_LOG", reason = %unknown, "a part of the log's filter has no effect");
    }
    Ok(Logging { dropped, _guard: guard })
}
