//! The embedded mark store: one file on a local disk, one process at a time.

mod file;
mod owner;

use super::{Found, Mark, MarkId, MarkStore, StoreError, Stored, Unreadable, Version, WriteError};
use crate::tezos::{ChainId, PublicKeyHash};
use async_trait::async_trait;
use file::{OpenFile, Trouble};
use owner::{Owner, Work, Write};
use std::fs::{self, OpenOptions, TryLockError};
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
        Self::open_or_make(path, Purpose::Sign)
    }

    /// Opens the store at `path`, or makes it, also in the place of one that is lost. For an operator who brings its marks.
    ///
    /// That a store was made in the place of a lost one is recorded in it for good: a mark that is absent there may have been
    /// lost, so nothing is signed for it until it is raised, or the key is [declared new](Self::declare_new) on that chain.
    ///
    /// # Errors
    /// [`OpenError`]; in particular if another process has it open.
    pub fn open_to_raise(path: &Path) -> Result<Self, OpenError> {
        Self::open_or_make(path, Purpose::Raise)
    }

    fn open_or_make(path: &Path, purpose: Purpose) -> Result<Self, OpenError> {
        let io_error = |source| OpenError::Io { path: path.to_owned(), source };
        let lock = OpenOptions::new().append(true).create(true).mode(0o600).open(lock_of(path));
        let mut lock = lock.map_err(io_error)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse { path: path.to_owned() },
            TryLockError::Error(source) => io_error(source),
        })?;
        let was_there = lock.metadata().map_err(io_error)?.len() > 0;
        if !path.try_exists().map_err(io_error)? {
            if was_there && purpose == Purpose::Sign {
                return Err(OpenError::Lost { path: path.to_owned(), lock: lock_of(path) });
            }
            file::create(path, was_there)?;
        }
        if !was_there {
            lock.write_all(WAS_MADE.as_bytes()).and_then(|()| lock.sync_all()).map_err(io_error)?;
        }
        let file = OpenFile::open(path)?;
        let (requests, queue) = mpsc::channel(QUEUE);
        let owner = Owner::new(path.to_owned(), file, lock, purpose);
        thread::Builder::new().name("marks".to_owned()).spawn(move || owner.serve(queue)).map_err(io_error)?;
        Ok(Self { requests })
    }

    /// Whether there was a store at `path` which is gone now.
    pub fn is_lost(path: &Path) -> bool {
        !path.exists() && fs::metadata(lock_of(path)).is_ok_and(|metadata| metadata.len() > 0)
    }

    /// Every mark, in the order of chain, key and kind, and whatever stands there that is not a mark.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub async fn list(&self) -> Result<Listing, StoreError> {
        self.with_file(|file| Ok(file::list(&file.database)?)).await
    }

    /// Whatever is there under the name of a mark.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub async fn look(&self, id: &MarkId) -> Result<Option<Found>, StoreError> {
        let id = id.to_string();
        self.with_file(move |file| Ok(file::look(&file.database, &id)?)).await
    }

    /// Whether the store was made in the place of a lost one: marks that are absent may have been lost.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub async fn is_made_anew(&self) -> Result<bool, StoreError> {
        self.with_file(|file| Ok(file.is_made_anew)).await
    }

    /// Records that a key has never signed on a chain, so that its absent marks there were not lost. Durable once `Ok` is
    /// returned.
    ///
    /// # Errors
    /// [`StoreError`] if it may not have been recorded.
    pub async fn declare_new(&self, chain: ChainId, key: PublicKeyHash) -> Result<(), StoreError> {
        self.with_file(move |file| file::declare_new(&file.database, chain, key)).await
    }

    /// Has the thread do something with the file.
    async fn with_file<T: Send + 'static>(
        &self,
        work: impl FnOnce(&OpenFile) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(|reply| {
            // A caller that has gone away needs no answer.
            Work::Other(Box::new(move |owner| drop(reply.send(owner.with(work)))))
        })
        .await?
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

    async fn may_have_lost(&self, id: &MarkId) -> Result<bool, StoreError> {
        let id = id.to_string();
        self.with_file(move |file| Ok(file.is_made_anew && !file::is_declared_new(&file.database, &id)?)).await
    }
}

/// What a store holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// The marks, in the order of chain, key and kind.
    pub marks: Vec<(MarkId, Mark)>,
    /// What is not a mark.
    pub unreadable: Vec<Unreadable>,
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

/// What a store is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To sign, or to look. Neither makes a store in the place of a lost one, nor a mark that may have been lost.
    Sign,
    /// For an operator who brings marks.
    Raise,
}

/// What `marks.lock` holds once there is a store. Written after it was made, so that a process that is killed between the
/// two does not leave a false trace.
const WAS_MADE: &str = "The mark store beside this file was made. Keep both.\n";

fn lock_of(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::{Database, TableDefinition};

    fn id() -> MarkId {
        "NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:block".parse().unwrap()
    }

    /// What a process that is killed at each step leaves behind: the file under its other name, of whatever contents.
    #[tokio::test]
    async fn a_store_is_known_to_be_made_anew_whenever_its_maker_was_killed() {
        for left_behind in [None, Some(&b""[..]), Some(b"half of a file")] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("marks.redb");
            fs::write(lock_of(&path), WAS_MADE).unwrap();
            if let Some(contents) = left_behind {
                fs::write(path.with_extension("new"), contents).unwrap();
            }
            assert!(LocalMarkStore::is_lost(&path));
            assert!(matches!(LocalMarkStore::open(&path), Err(OpenError::Lost { .. })));
            let store = LocalMarkStore::open_to_raise(&path).unwrap();
            assert!(store.is_made_anew().await.unwrap() && store.may_have_lost(&id()).await.unwrap());
            assert!(!LocalMarkStore::is_lost(&path));
        }
    }

    #[tokio::test]
    async fn a_store_of_an_earlier_version_was_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks.redb");
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(TableDefinition::<&str, &[u8]>::new("marks")).unwrap();
        transaction.commit().unwrap();
        drop(database);
        fs::write(lock_of(&path), WAS_MADE).unwrap();
        let store = LocalMarkStore::open_to_raise(&path).unwrap();
        assert!(!store.is_made_anew().await.unwrap() && !store.may_have_lost(&id()).await.unwrap());
        store.declare_new(id().chain, id().key).await.unwrap();
    }
}
