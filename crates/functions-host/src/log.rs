//! The log: lines written by handlers, and entries of the host itself.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Number of the instance.
    pub instance: usize,
    /// Origin.
    pub source: LogSource,
    /// Severity.
    pub level: LogLevel,
    /// Text, one line.
    pub message: String,
}

/// The origin of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    /// The handler: `Host.Function.Console`.
    Handler,
    /// The host itself.
    Host,
}

/// The severity of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Normal operation.
    Information,
    /// Worth attention.
    Warning,
    /// A malfunction.
    Error,
}

impl fmt::Display for LogEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            LogSource::Handler => "handler",
            LogSource::Host => "host",
        };
        let Self { instance, level, message, .. } = self;
        write!(formatter, "[{source} {instance}] {level:?}: {message}")
    }
}

/// The log of all instances, in chronological order. Clones share the entries.
#[derive(Debug, Clone, Default)]
pub struct Log {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    entries: Mutex<Vec<LogEntry>>,
    grown: Condvar,
}

impl Log {
    pub(crate) fn add(&self, instance: usize, source: LogSource, level: LogLevel, message: impl Into<String>) {
        self.lock().push(LogEntry { instance, source, level, message: message.into() });
        self.shared.grown.notify_all();
    }

    /// All entries.
    pub fn entries(&self) -> Vec<LogEntry> {
        self.lock().clone()
    }

    /// The entries from this position on.
    pub fn entries_since(&self, position: usize) -> Vec<LogEntry> {
        self.lock().iter().skip(position).cloned().collect()
    }

    /// Number of entries that match.
    pub fn count(&self, is_wanted: impl Fn(&LogEntry) -> bool) -> usize {
        self.lock().iter().filter(|entry| is_wanted(entry)).count()
    }

    /// Waits for the first entry that matches; `None` on timeout.
    pub fn wait_for(&self, timeout: Duration, is_wanted: impl Fn(&LogEntry) -> bool) -> Option<LogEntry> {
        let deadline = Instant::now() + timeout;
        let mut entries = self.lock();
        let mut seen = 0;
        loop {
            if let Some(entry) = entries.iter().skip(seen).find(|entry| is_wanted(entry)) {
                return Some(entry.clone());
            }
            seen = entries.len();
            let left = deadline.checked_duration_since(Instant::now())?;
            entries = self.shared.grown.wait_timeout(entries, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<LogEntry>> {
        self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
