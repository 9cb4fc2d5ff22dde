//! A wall clock that can be set for one process, by libfaketime; the clock that measures durations goes on as it is.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Where Debian and others put it.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// How far what is logged may be from what the clock was set to, in seconds.
const TOLERANCE: i64 = 3;

/// For so long a line with the new time is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The wall clock of one process.
#[derive(Debug, Clone)]
pub(crate) struct WallClock {
    library: PathBuf,
    file: PathBuf,
    /// By how many seconds the last line that was logged is off the right time.
    logged: Arc<AtomicI64>,
}

/// Finds the library.
pub(crate) fn library() -> Option<PathBuf> {
    LIBRARIES.iter().map(PathBuf::from).find(|path| path.exists())
}

impl WallClock {
    /// A clock that is right, set by a file in this folder.
    pub(crate) fn new(library: &Path, folder: &Path, place: usize) -> io::Result<Self> {
        let file = folder.join(format!("clock-{place}"));
        let clock = Self { library: library.to_owned(), file, logged: Arc::default() };
        clock.set(0)?;
        Ok(clock)
    }

    /// What a process needs in its environment to have this clock.
    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// Sets it so many seconds off the right time.
    pub(crate) fn set(&self, offset: i32) -> io::Result<()> {
        // All at once, or it would be read half written.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{offset:+}\n"))?;
        std::fs::rename(new, &self.file)
    }

    /// Reads the time from a line of the log.
    pub(crate) fn logs(&self, line: &str) {
        if let Some(offset) = offset(line, SystemTime::now().into()) {
            self.logged.store(offset, Ordering::Relaxed);
        }
    }

    /// Waits until a line is logged with the time that was set; false if there is none soon.
    pub(crate) async fn is_logged(&self, offset: i32) -> bool {
        let start = Instant::now();
        while (self.logged.load(Ordering::Relaxed) - i64::from(offset)).abs() > TOLERANCE {
            if start.elapsed() > PATIENCE {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }
}

/// By how many seconds the time at the start of a line is off.
fn offset(line: &str, now: OffsetDateTime) -> Option<i64> {
    let (time, _) = line.strip_prefix("{\"timestamp\":\"")?.split_once('"')?;
    Some((OffsetDateTime::parse(time, &Rfc3339).ok()? - now).whole_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_line_is_read() {
        let now = OffsetDateTime::parse("2026-11-22T22:51:03Z", &Rfc3339).unwrap();
        let line = r#"{"timestamp":"2026-11-22T23:51:03.707519Z","level":"INFO"}"#;
        assert_eq!(offset(line, now), Some(3_600));
        assert_eq!(offset("thread 'main' panicked", now), None);
    }
}
