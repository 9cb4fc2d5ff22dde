//! Logs: one line per event, for people on a terminal and as JSON otherwise. All lines go to standard output, except under the
//! Functions host, which reads the level of a line from the stream that it arrives on.
//!
//! No key, token, `authentication` signature or query string is ever logged.

use crate::settings::{LogFormat, LogSettings};
use std::io::{self, IsTerminal, Stderr, Stdout, Write};
use std::sync::{Mutex, PoisonError};
use tracing::{Level, Metadata, warn};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait for a reader who is slow. When there are more, new ones are dropped: no signature waits for a log.
const WAITING_LINES: usize = 8192;

/// Logging, while it lives. Writes the last lines when it is dropped.
pub struct Logging {
    dropped: ErrorCounter,
}

impl Logging {
    /// How many lines had to be dropped so far.
    pub fn dropped_lines(&self) -> usize {
        self.dropped.dropped_lines()
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        finish();
    }
}

/// What writes the waiting lines when it is dropped.
static WORKER: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// Writes the lines that still wait, and ends logging. Returns within about a second, also if nobody reads them. Must be called
/// before [`std::process::exit`], which drops nothing.
pub fn finish() {
    // Locked until they are written, so that a second caller waits, too.
    drop(WORKER.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// Starts logging, and warns of entries in `RUST_LOG` that have no effect. `under_functions_host`: whether the process that
/// reads the lines is the Functions host.
///
/// # Errors
/// If logging has been started before.
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
    // One worker for both streams: where they are the same pipe or file, no line is written into another.
    let (queue, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING_LINES)
        .lossy(true)
        .finish(Streams { output: io::stdout(), errors: io::stderr() });
    let dropped = queue.error_counter();
    let lines = Lines { queue, under_functions_host };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(lines);
    if as_json {
        // Not flattened: an event's field `level` is the level of a block, not how grave the event is.
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

/// Gives each event the writer for its line.
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

/// Takes the line of one event, and queues it for the streams' worker.
struct Line {
    queue: NonBlocking,
    /// The level that the Functions host should see, if it reads the line.
    host_level: Option<Level>,
}

impl Write for Line {
    /// `line` is a whole line: that is how `tracing_subscriber` writes.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.write_all(&queued(self.host_level, line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first byte of a queued line names its stream.
const TO_OUTPUT: u8 = 0;
const TO_ERRORS: u8 = 1;

/// A line as the worker takes it. To the host, all of standard output is Information; on standard error, a line with "warn" in it
/// is a Warning, and all others are Errors. It makes an entry of each line.
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
            // JSON has none but the last: this is text.
            b'\n' if !after.is_empty() => queued.extend_from_slice(b"\\n"),
            // Readers of JSON see the same letter. Words in JSON are in strings, except for true, false and null.
            b'a' | b'A' if host_level == Some(Level::ERROR) && is_in_warn(&queued, after) => {
                queued.extend_from_slice(format!("\\u{first:04x}").as_bytes());
            }
            _ => queued.push(*first),
        }
        rest = after;
    }
    queued
}

/// A text as a line on standard error that the Functions host takes for one error, for what is not logged.
pub fn error_line(text: &str) -> Vec<u8> {
    let mut line = queued(Some(Level::ERROR), format!("{text}\n").as_bytes());
    line.remove(0);
    line
}

/// Whether an `a` between these is that of "warn".
fn is_in_warn(before: &[u8], after: &[u8]) -> bool {
    before.last().is_some_and(|letter| letter.eq_ignore_ascii_case(&b'w'))
        && after.get(..2).is_some_and(|letters| letters.eq_ignore_ascii_case(b"rn"))
}

/// Standard output and standard error, behind the queue.
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
    fn the_functions_host_gives_each_line_its_level() {
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
