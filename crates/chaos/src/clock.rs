//! A wall clock that can be set for a single process, by libfaketime. The monotonic clock is unaffected.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Paths on Debian and others.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// Maximum difference between logged and set time, in seconds.
const TOLERANCE: i64 = 3;

/// How long to wait for a line with the new time.
const LINE_TIMEOUT: Duration = Duration::from_secs(2);

/// The wall clock of one process.
#[derive(Debug, Clone)]
pub(crate) struct WallClock {
    library: PathBuf,
    file: PathBuf,
    /// Offset of the last logged time from the true time, in seconds.
    logged: Arc<AtomicI64>,
}

/// Path of the library, if it is installed.
pub(crate) fn library() -> Option<PathBuf> {
    LIBRARIES.iter().map(PathBuf::from).find(|path| path.exists())
}

impl WallClock {
    /// A correct clock, controlled by a file in this folder.
    pub(crate) fn new(library: &Path, folder: &Path, place: usize) -> io::Result<Self> {
        let file = folder.join(format!("clock-{place}"));
        let clock = Self { library: library.to_owned(), file, logged: Arc::default() };
        clock.set(0)?;
        Ok(clock)
    }

    /// The environment variables of a process with this clock.
    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// Sets the offset from the true time, in seconds.
    pub(crate) fn set(&self, offset: i32) -> io::Result<()> {
        // Atomically, or the process could read a partial file.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{offset:+}\n"))?;
        std::fs::rename(new, &self.file)
    }

    /// Reads the time from a log line.
    pub(crate) fn logs(&self, line: &str) {
        if let Some(offset) = offset(line, SystemTime::now().into()) {
            self.logged.store(offset, Ordering::Relaxed);
        }
    }

    /// Waits until a line is logged with the set time; false on timeout.
    pub(crate) async fn is_logged(&self, offset: i32) -> bool {
        let start = Instant::now();
        while (self.logged.load(Ordering::Relaxed) - i64::from(offset)).abs() > TOLERANCE {
            if start.elapsed() > LINE_TIMEOUT {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }
}

/// Offset of the time at the start of a line, in seconds.
fn offset(line: &str, now: OffsetDateTime) -> Option<i64> {
    let (time, _) = line.strip_prefix("{\"timestamp\":\"")?.split_once('"')?;
    Some((OffsetDateTime::parse(time, &Rfc3339).ok()? - now).whole_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_line_is_parsed() {
        let now = OffsetDateTime::parse("2026-11-22T22:51:03Z", &Rfc3339).unwrap();
        let line = r#"{"timestamp":"2026-11-22T23:51:03.707519Z","level":"INFO"}"#;
        assert_eq!(offset(line, now), Some(3_600));
        assert_eq!(offset("thread 'main' panicked", now), None);
    }
}
