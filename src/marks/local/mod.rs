//! The embedded mark store: one file on a local disk, one process at a time.

mod file;
mod owner;

use super::{Mark, MarkId, MarkStore, StoreError, Stored, Version, WriteError};
use async_trait::async_trait;
use file::OpenFile;
use owner::{Owner, Work, Write};
use std::fs::{OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Requests that wait for the disk at one time; more wait to be queued.
const QUEUE: usize = 1024;

/// Marks in a redb file. A write is on the disk before it is acknowledged, and a process may be killed at any instant.
///
/// One process at a time has the file: it holds the lock on `marks.lock` beside it, which is never replaced or deleted, for
/// as long as it lives. One thread owns the file. It takes all requests that wait and commits their writes together, so that
/// many keys that sign at the same instant share one flush of the disk.
pub struct LocalMarkStore {
    requests: mpsc::Sender<Work>,
}

impl LocalMarkStore {
    /// Opens the store at `path`, or makes it if there never was one.
    ///
    /// # Errors
    /// [`OpenError`]; in particular if another process has it open, or if there was one and it is gone.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_or_make(path, IfLost::Stop)
    }

    /// Opens the store at `path`, or makes it, also in the place of one that is lost. For an operator who brings its marks.
    ///
    /// # Errors
    /// [`OpenError`]; in particular if another process has it open.
    pub fn open_to_raise(path: &Path) -> Result<Self, OpenError> {
        Self::open_or_make(path, IfLost::MakeAnother)
    }

    fn open_or_make(path: &Path, if_lost: IfLost) -> Result<Self, OpenError> {
        let io_error = |source| OpenError::Io { path: path.to_owned(), source };
        let lock = OpenOptions::new().append(true).create(true).mode(0o600).open(lock_of(path));
        let mut lock = lock.map_err(io_error)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse { path: path.to_owned() },
            TryLockError::Error(source) => io_error(source),
        })?;
        let was_there = lock.metadata().map_err(io_error)?.len() > 0;
        if !path.try_exists().map_err(io_error)? {
            if was_there && if_lost == IfLost::Stop {
                return Err(OpenError::Lost { path: path.to_owned(), lock: lock_of(path) });
            }
            file::create(path)?;
        }
        if !was_there {
            lock.write_all(WAS_MADE.as_bytes()).and_then(|()| lock.sync_all()).map_err(io_error)?;
        }
        let file = OpenFile::open(path)?;
        let (requests, queue) = mpsc::channel(QUEUE);
        let owner = Owner::new(path.to_owned(), file, lock);
        thread::Builder::new().name("marks".to_owned()).spawn(move || owner.serve(queue)).map_err(io_error)?;
        Ok(Self { requests })
    }

    /// Every mark, in the order of chain, key and kind.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub async fn list(&self) -> Result<Vec<(MarkId, Mark)>, StoreError> {
        self.ask(Work::List).await?
    }

    async fn ask<T>(&self, work: impl FnOnce(oneshot::Sender<T>) -> Work) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || StoreError::new("its thread has stopped".to_owned());
        self.requests.send(work(reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())
    }
}

#[async_trait]
impl MarkStore for LocalMarkStore {
    async fn read(&self, id: &MarkId, _: Instant) -> Result<Option<Stored>, StoreError> {
        let id = id.to_string();
        self.ask(|reply| Work::Read { id, reply }).await?
    }

    async fn write(
        &self,
        id: &MarkId,
        mark: &Mark,
        expected: Option<&Version>,
        _: Instant,
    ) -> Result<Version, WriteError> {
        let write = Box::new(Write { id: id.to_string(), mark: mark.clone(), expected: expected.cloned() });
        self.ask(|reply| Work::Write { write, reply }).await.map_err(WriteError::Unknown)?
    }
}

/// Why the store cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process uses it.
    #[error("{} is in use by another process: one signer at a time can use an embedded mark store", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It was there, and is not any more.
    #[error(
        "{} is gone, but {} says that it was made: restore it, or raise the marks of each key above what it has signed \
         (azurehsm-signer marks raise, or import) before it signs again",
        path.display(),
        lock.display()
    )]
    Lost {
        /// The file.
        path: PathBuf,
        /// The file that tells.
        lock: PathBuf,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// The file is not a mark store, or is damaged.
    #[error(
        "{} cannot be used as a mark store: {source}; without its marks, raise those of each key above what it has signed \
         (azurehsm-signer marks raise) before it signs again",
        path.display()
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What redb says.
        source: Box<redb::Error>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IfLost {
    Stop,
    MakeAnother,
}

/// What `marks.lock` holds once there is a store. Written after it was made, so that a process that is killed between the
/// two does not leave a false trace.
const WAS_MADE: &str = "The mark store beside this file was made. Keep both.\n";

fn lock_of(path: &Path) -> PathBuf {
    path.with_extension("lock")
}
