//! The embedded mark store: one file on a local disk, one process at a time.

use super::{Mark, MarkId, MarkStore, StoreError, Stored, Version, WriteError};
use async_trait::async_trait;
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

const MARKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("marks");

/// Marks of tens of keys take a few kilobytes.
const CACHE_BYTES: usize = 1 << 20;

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
    /// Opens the store at `path`, or makes it if there is none.
    ///
    /// # Errors
    /// [`OpenError`]; in particular if another process has it open.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let io_error = |source| OpenError::Io { path: path.to_owned(), source };
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock_of(path));
        let lock = lock.map_err(io_error)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse { path: path.to_owned() },
            TryLockError::Error(source) => io_error(source),
        })?;
        if !path.try_exists().map_err(io_error)? {
            create(path)?;
        }
        let database = open_file(path)?;
        let (requests, queue) = mpsc::channel(QUEUE);
        let owner = Owner { path: path.to_owned(), database: Some(database), _lock: lock };
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
        let stopped = || StoreError("its thread has stopped".to_owned());
        self.requests.send(work(reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())
    }
}

#[async_trait]
impl MarkStore for LocalMarkStore {
    async fn read(&self, id: &MarkId) -> Result<Option<Stored>, StoreError> {
        let id = id.to_string();
        self.ask(|reply| Work::Read { id, reply }).await?
    }

    async fn write(&self, id: &MarkId, mark: &Mark, expected: Option<&Version>) -> Result<Version, WriteError> {
        let write = Write { id: id.to_string(), mark: mark.clone(), expected: expected.cloned() };
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

enum Work {
    Read { id: String, reply: oneshot::Sender<Result<Option<Stored>, StoreError>> },
    Write { write: Write, reply: oneshot::Sender<Result<Version, WriteError>> },
    List(oneshot::Sender<Result<Vec<(MarkId, Mark)>, StoreError>>),
}

struct Write {
    id: String,
    mark: Mark,
    expected: Option<Version>,
}

fn lock_of(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn open_file(path: &Path) -> Result<Database, OpenError> {
    builder().open(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path: path.to_owned() },
        error => OpenError::Unusable { path: path.to_owned(), source: Box::new(error.into()) },
    })
}

/// Makes the file under another name first: a process killed half-way leaves no file that would be taken for a store.
fn create(path: &Path) -> Result<(), OpenError> {
    let io_error = |source| OpenError::Io { path: path.to_owned(), source };
    let unusable = |source: redb::Error| OpenError::Unusable { path: path.to_owned(), source: Box::new(source) };
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(error)),
        _ => {}
    }
    let for_the_owner = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished);
    drop(for_the_owner.map_err(io_error)?);
    let database = builder().create(&unfinished).map_err(|error| unusable(error.into()))?;
    let transaction = database.begin_write().map_err(|error| unusable(error.into()))?;
    transaction.open_table(MARKS).map_err(|error| unusable(error.into()))?;
    transaction.commit().map_err(|error| unusable(error.into()))?;
    drop(database);
    fs::rename(&unfinished, path).map_err(io_error)?;
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error)?;
    }
    Ok(())
}

/// What the thread has: the file, while it works, and the lock, for good.
struct Owner {
    path: PathBuf,
    /// `None` after an error: redb answers nothing more then, until the file is opened again.
    database: Option<Database>,
    _lock: File,
}

impl Owner {
    fn serve(mut self, mut queue: mpsc::Receiver<Work>) {
        let mut waiting = Vec::with_capacity(QUEUE);
        while queue.blocking_recv_many(&mut waiting, QUEUE) > 0 {
            let mut writes = Vec::new();
            for work in waiting.drain(..) {
                // A caller that has gone away needs no answer.
                match work {
                    Work::Write { write, reply } => writes.push((write, reply)),
                    Work::Read { id, reply } => drop(reply.send(self.with(|database| read(database, &id)))),
                    Work::List(reply) => drop(reply.send(self.with(list))),
                }
            }
            if !writes.is_empty() {
                self.write_all(writes);
            }
        }
    }

    /// Does something with the file, which is opened again first if there was an error.
    fn with<T>(&mut self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open_file(&self.path).map_err(|error| StoreError(error.to_string()))?,
        };
        let done = work(&database).map_err(|error| StoreError(format!("{}: {error}", self.path.display())));
        if done.is_ok() {
            self.database = Some(database);
        }
        done
    }

    /// Applies the writes in their order and commits them together; nobody is told before the disk has them.
    fn write_all(&mut self, writes: Vec<(Write, oneshot::Sender<Result<Version, WriteError>>)>) {
        let (writes, replies): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
        match self.with(|database| apply(database, &writes)) {
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    drop(reply.send(outcome));
                }
            }
            Err(error) => {
                for reply in replies {
                    drop(reply.send(Err(WriteError::Unknown(error.clone()))));
                }
            }
        }
    }
}

fn read(database: &Database, id: &str) -> Result<Option<Stored>, redb::Error> {
    let table = database.begin_read()?.open_table(MARKS)?;
    table.get(id)?.map(|value| parse(value.value())).transpose()
}

fn list(database: &Database) -> Result<Vec<(MarkId, Mark)>, redb::Error> {
    let table = database.begin_read()?.open_table(MARKS)?;
    let mut marks = Vec::new();
    for item in table.iter()? {
        let (id, value) = item?;
        let id = id.value().parse().map_err(redb::Error::Corrupted)?;
        marks.push((id, parse(value.value())?.mark));
    }
    Ok(marks)
}

fn apply(database: &Database, writes: &[Write]) -> Result<Vec<Result<Version, WriteError>>, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let mut outcomes = Vec::with_capacity(writes.len());
    {
        let mut table = transaction.open_table(MARKS)?;
        for write in writes {
            let stored = table.get(write.id.as_str())?.map(|value| parse(value.value())).transpose()?;
            if stored.map(|stored| stored.version) != write.expected {
                outcomes.push(Err(WriteError::Changed));
                continue;
            }
            let value = serde_json::to_vec(&write.mark).map_err(|error| redb::Error::Corrupted(error.to_string()))?;
            table.insert(write.id.as_str(), value.as_slice())?;
            outcomes.push(Ok(version_of(&write.mark)));
        }
    }
    transaction.commit()?;
    Ok(outcomes)
}

/// Every write has an attempt id of its own, so that is the version.
fn version_of(mark: &Mark) -> Version {
    Version(mark.attempt.to_string())
}

fn parse(value: &[u8]) -> Result<Stored, redb::Error> {
    let mark: Mark = serde_json::from_slice(value).map_err(|error| redb::Error::Corrupted(error.to_string()))?;
    let version = version_of(&mark);
    Ok(Stored { mark, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_an_error_the_file_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks.redb");
        create(&path).unwrap();
        let lock = File::create(lock_of(&path)).unwrap();
        let mut owner = Owner { database: Some(open_file(&path).unwrap()), path, _lock: lock };
        let full = || redb::Error::Io(io::Error::from(io::ErrorKind::StorageFull));
        assert!(owner.with(|_| Err::<(), _>(full())).is_err());
        assert!(owner.with(list).unwrap().is_empty());
    }
}
