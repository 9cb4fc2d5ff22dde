//! The log: one line per event, as text on a terminal and as JSON otherwise. All lines go to standard output, except under the
//! Functions host, which derives the level of a line from its stream.
//!
//! Keys, tokens, `authentication` signatures and query strings are never logged.

use crate::settings::{LogFormat, LogSettings};
use std::io::{self, IsTerminal, Stderr, Stdout, Write};
use std::sync::{Mutex, PoisonError};
use tracing::{Level, Metadata, warn};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The size of the queue for a slow reader. When it is full, new lines are dropped: no signature waits for the log.
const MAX_QUEUED_LINES: usize = 8192;

/// Keeps logging active. Dropping it writes the remaining lines.
pub struct Logging {
    dropped: ErrorCounter,
}

impl Logging {
    /// The number of dropped lines so far.
    pub fn dropped_lines(&self) -> usize {
        self.dropped.dropped_lines()
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        finish();
    }
}

/// Writes the queued lines when dropped.
static WORKER: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// Writes the queued lines, and ends logging. Returns within about a second, even if nothing reads them. Call it before
/// [`std::process::exit`], which runs no destructors.
pub fn finish() {
    // Hold the lock until they are written, so that a second caller waits too.
    drop(WORKER.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// Starts logging, and warns about entries in `RUST_LOG` that have no effect. `under_functions_host` is whether the Functions
/// host reads the lines.
///
/// # Errors
/// If logging has already been started.
pub fn start(
    settings: &LogSettings,
    under_functions_host: bool,
) -> Result<Logging, Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::builder().parse(settings.filter.to_string())?;
    let is_terminal = io::stdout().is_terminal();
    let as_json = match settings.format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    // One worker for both streams, so that lines do not interleave if both are the same pipe or file.
    let (queue, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(MAX_QUEUED_LINES)
        .lossy(true)
        .finish(Streams { output: io::stdout(), errors: io::stderr() });
    let dropped = queue.error_counter();
    let lines = Lines { queue, under_functions_host };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(lines);
    if as_json {
        // Not flattened: some events have a field `level` (of a block), which would collide with the log level.
        subscriber.json().try_init()?;
    } else {
        subscriber.with_ansi(is_terminal).try_init()?;
    }
    *WORKER.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
    for unknown in settings.filter.unknown_targets() {
        warn!(event = "setting_ineffective", setting = "RUST_LOG", reason = %unknown, "an entry of the log filter has no effect");
    }
    Ok(Logging { dropped })
}

/// Provides the writer for each event's line.
struct Lines {
    queue: NonBlocking,
    under_functions_host: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { queue: self.queue.clone(), host_level: None }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        let host_level = self.under_functions_host.then(|| *event.level());
        Line { queue: self.queue.clone(), host_level }
    }
}

/// Queues the line of one event for the worker.
struct Line {
    queue: NonBlocking,
    /// The level that the Functions host should see; `None` without the host.
    host_level: Option<Level>,
}

impl Write for Line {
    /// `tracing_subscriber` writes a whole line at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.write_all(&queued(self.host_level, line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// The first byte of a queued line selects its stream.
const TO_OUTPUT: u8 = 0;
const TO_ERRORS: u8 = 1;

/// A line in the worker's format. The host logs each line of standard output as Information. On standard error, it logs a line
/// that contains "warn" as Warning, and all others as Error.
fn queued(host_level: Option<Level>, line: &[u8]) -> Vec<u8> {
    let stream = if host_level.is_some_and(|level| level <= Level::WARN) { TO_ERRORS } else { TO_OUTPUT };
    let mut queued = Vec::with_capacity(line.len() + 1);
    queued.push(stream);
    if host_level.is_none() {
        queued.extend_from_slice(line);
        return queued;
    }
    let mut rest = line;
    while let Some((first, after)) = rest.split_first() {
        match first {
            // Only text has inner newlines, JSON does not.
            b'\n' if !after.is_empty() => queued.extend_from_slice(b"\\n"),
            // Equivalent in JSON, where "warn" can only be in a string.
            b'a' | b'A' if host_level == Some(Level::ERROR) && is_in_warn(&queued, after) => {
                queued.extend_from_slice(format!("\\u{first:04x}").as_bytes());
            }
            _ => queued.push(*first),
        }
        rest = after;
    }
    queued
}

/// A text as a line for standard error that the Functions host logs as one error, for use without the log.
pub fn error_line(text: &str) -> Vec<u8> {
    let mut line = queued(Some(Level::ERROR), format!("{text}\n").as_bytes());
    line.remove(0);
    line
}

/// Whether an `a` between `before` and `after` is the one in "warn".
fn is_in_warn(before: &[u8], after: &[u8]) -> bool {
    before.last().is_some_and(|letter| letter.eq_ignore_ascii_case(&b'w'))
        && after.get(..2).is_some_and(|letters| letters.eq_ignore_ascii_case(b"rn"))
}

/// The worker's side of the queue.
struct Streams {
    output: Stdout,
    errors: Stderr,
}

impl Write for Streams {
    fn write(&mut self, queued: &[u8]) -> io::Result<usize> {
        match queued.split_first() {
            Some((&TO_ERRORS, line)) => self.errors.write_all(line)?,
            Some((_, line)) => self.output.write_all(line)?,
            None => {}
        }
        Ok(queued.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_host_derives_the_right_level_from_each_line() {
        for (level, line, stream, written) in [
            (None, "a\nb\n", TO_OUTPUT, "a\nb\n"),
            (
                Some(Level::TRACE),
                "{\"level\":\"TRACE\",\"a\":\"warn\"}\n",
                TO_OUTPUT,
                "{\"level\":\"TRACE\",\"a\":\"warn\"}\n",
            ),
            (Some(Level::INFO), "{\"level\":\"INFO\"}\n", TO_OUTPUT, "{\"level\":\"INFO\"}\n"),
            (Some(Level::WARN), "{\"level\":\"WARN\"}\n", TO_ERRORS, "{\"level\":\"WARN\"}\n"),
            (Some(Level::ERROR), "{\"level\":\"ERROR\"}\n", TO_ERRORS, "{\"level\":\"ERROR\"}\n"),
            (
                Some(Level::ERROR),
                "{\"warn\":\"Warning, forWARNed, \\\\warn war\\nn\"}\n",
                TO_ERRORS,
                "{\"w\\u0061rn\":\"W\\u0061rning, forW\\u0041RNed, \\\\w\\u0061rn war\\nn\"}\n",
            ),
            (Some(Level::ERROR), "one\ntwo\n", TO_ERRORS, "one\\ntwo\n"),
            (Some(Level::INFO), "one\n\ntwo\n", TO_OUTPUT, "one\\n\\ntwo\n"),
        ] {
            let queued = queued(level, line.as_bytes());
            let (first, rest) = queued.split_first().unwrap();
            assert_eq!((*first, std::str::from_utf8(rest).unwrap()), (stream, written), "{level:?} {line:?}");
            if level == Some(Level::ERROR)
                && let Ok(before) = serde_json::from_str::<serde_json::Value>(line)
            {
                assert_eq!(serde_json::from_slice::<serde_json::Value>(rest).unwrap(), before);
            }
        }
    }
}
