//! The lock that prevents two processes from writing the key file at once.

use super::KeyFileError;
use crate::links::resolve;
use crate::lock_holder::LockHolder;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for another process, which holds the lock while it derives a key from the passphrase and writes a small file.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(15);

const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Locks the file at `path`, which is created if it does not exist, until the result is dropped.
///
/// # Errors
/// [`KeyFileError::InUse`] if another process has it locked for as long as `timeout`; [`KeyFileError::Io`].
pub(super) fn lock(path: &Path, timeout: Duration) -> Result<File, KeyFileError> {
    resolve(path)?;
    let failed = |source| KeyFileError::Io { path: path.to_owned(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if start.elapsed() < timeout => thread::sleep(LOCK_POLL_INTERVAL),
            Err(TryLockError::WouldBlock) => {
                return Err(KeyFileError::InUse {
                    path: path.to_owned(),
                    holder: LockHolder::of(&file),
                    waited: timeout,
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_names_the_process_that_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.lock");
        let held = lock(&path, Duration::ZERO).unwrap();
        let error = lock(&path, Duration::from_millis(30)).err().unwrap().to_string();
        let expected = format!("keys.lock is still locked by process {} (", std::process::id());
        assert!(error.contains(&expected), "{error}");
        thread::scope(|scope| {
            let next = scope.spawn(|| lock(&path, LOCK_TIMEOUT));
            drop(held);
            assert!(next.join().unwrap().is_ok());
        });
    }
}
