//! The embedded mark store: one file on a local disk, one process at a time.

mod contents;
mod disk;
#[cfg(test)]
mod failing_disk;
mod file;
mod open_error;
mod owner;
mod purpose;
mod renewal;

pub use file::Listing;
pub use open_error::OpenError;

use super::{
    Found, KeyStops, Mark, MarkId, MarkStore, StoreError, StoreIdentity, StoreRole, Stored, StoredStops, Version,
    WriteError, stop_item_name,
};
use crate::links::resolve;
use crate::tezos::{ChainId, PublicKeyHash};
use async_trait::async_trait;
use contents::Contents;
use disk::{Disk, SystemDisk};
use file::{OpenFile, Write};
use open_error::ASIDE;
use owner::{FileState, Owner, Work};
use purpose::Purpose;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant as StdInstant};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tracing::info;

/// Requests queued for the disk. Further ones wait to be queued.
const QUEUE: usize = 1024;

const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Marks in a redb file. A write is on the disk before it is acknowledged, and a process may be killed at any instant.
///
/// One process at a time uses the file: it holds the lock on `marks.lock` in the same folder, which is never replaced or
/// deleted, for as long as it lives. One thread owns the file. It takes all waiting requests and commits their writes together,
/// so that keys that sign at the same instant share one flush of the disk.
///
/// Whenever the store is opened, and after every error, all marks are copied to a new file that is flushed and replaces the
/// old one. No request is answered before that.
pub struct EmbeddedMarkStore {
    requests: mpsc::Sender<Work>,
    is_ready: Arc<AtomicBool>,
    id: Arc<OnceLock<String>>,
    role: StoreRole,
}

impl EmbeddedMarkStore {
    /// Opens the store at `path`, or creates it with this role if there never was one. While the disk cannot store a copy of the
    /// marks, the store does not respond, and retries.
    ///
    /// # Errors
    /// [`OpenError`]; in particular if another process uses the store, if it has the other role, or if it existed and is gone.
    pub fn open(path: &Path, role: StoreRole) -> Result<Self, OpenError> {
        Self::open_or_create(path, Purpose::Sign, role, Box::new(SystemDisk))
    }

    /// Opens the store at `path` as [`open`](Self::open) does, and waits up to `timeout` while another process uses it. Nothing
    /// is locked between two attempts, so this may be cancelled at any time.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::StillInUse`] if another process still uses the store after that time.
    pub async fn open_when_free(path: &Path, role: StoreRole, timeout: Duration) -> Result<Self, OpenError> {
        let start = Instant::now();
        let mut has_waited = false;
        loop {
            let (path, holder) = match Self::open(path, role) {
                Err(OpenError::InUse { path, holder }) => (path, holder),
                opened => {
                    if has_waited && opened.is_ok() {
                        let waited_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                        info!(path = %path.display(), waited_ms, event = "store_lock_acquired", "the embedded mark store is free");
                    }
                    return opened;
                }
            };
            if start.elapsed() >= timeout {
                return Err(OpenError::StillInUse { path, holder, waited: timeout });
            }
            if !has_waited {
                let timeout_seconds = timeout.as_secs();
                info!(
                    path = %path.display(),
                    %holder,
                    timeout_seconds,
                    event = "store_lock_wait",
                    "another process still uses the embedded mark store: waiting until it ends"
                );
                has_waited = true;
            }
            sleep(LOCK_POLL_INTERVAL).await;
        }
    }

    /// Opens the store at `path`, or creates it, even if an earlier one was lost. For an operator who restores its marks.
    ///
    /// A store that replaces a lost one is marked as such permanently: an absent mark may have been lost, so nothing is
    /// signed for it until it is raised, or the key is [declared new](Self::declare_new) on that chain.
    ///
    /// # Errors
    /// [`OpenError`]; in particular if another process uses the store, or if it has the other role.
    pub fn open_to_raise(path: &Path, role: StoreRole) -> Result<Self, OpenError> {
        Self::open_or_create(path, Purpose::Raise, role, Box::new(SystemDisk))
    }

    /// Opens a copy of the store at `path` in memory, whatever its role. Nothing on the disk changes, so the disk may be read-only.
    /// `None` if there never was a store.
    ///
    /// # Errors
    /// [`OpenError`]; in particular if another process uses the store, or if it existed and is gone.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>, OpenError> {
        let lock_path = lock_of(path);
        let lock = if resolve(&lock_path)?.is_some() {
            let lock = File::open(&lock_path).map_err(OpenError::io(&lock_path))?;
            lock.try_lock_shared().map_err(|error| OpenError::not_locked(error, &lock, &lock_path, path))?;
            Some(lock)
        } else {
            None
        };
        let Some(real) = resolve(path)? else {
            let length = lock.map_or(Ok(0), |lock| lock.metadata().map(|metadata| metadata.len()));
            return match trace_of(path, length.map_err(OpenError::io(&lock_path))?) {
                Some(trace) => Err(OpenError::Lost { path: path.to_owned(), trace }),
                None => Ok(None),
            };
        };
        let (file, role) = renewal::read(&real)?;
        // From here on, a signer may start.
        drop(lock);
        Self::start(real, FileState::Open(file), None, None, Purpose::Read, role, Box::new(SystemDisk)).map(Some)
    }

    fn open_or_create(path: &Path, purpose: Purpose, role: StoreRole, disk: Box<dyn Disk>) -> Result<Self, OpenError> {
        let lock_path = lock_of(path);
        resolve(&lock_path)?;
        let lock = OpenOptions::new().append(true).create(true).mode(0o600).open(&lock_path);
        let mut lock = lock.map_err(OpenError::io(&lock_path))?;
        lock.try_lock().map_err(|error| OpenError::not_locked(error, &lock, &lock_path, path))?;
        let length = lock.metadata().map_err(OpenError::io(&lock_path))?.len();
        let trace = trace_of(path, length);
        let (path, state, handle) = if let Some(real) = resolve(path)? {
            let mut handle = renewal::find(&real)?;
            // Recorded first: the file existed, even if it turns out to be damaged and is moved aside.
            remember(&mut lock, &lock_path, length)?;
            let state = match renewal::renew(&real, &mut handle, role, disk.as_ref()) {
                Ok(file) => FileState::Open(file),
                Err(error @ OpenError::NotCopied { .. }) => {
                    FileState::Failed { reason: StoreError::new(error.to_string()), next_attempt: StdInstant::now() }
                }
                Err(error) => return Err(error),
            };
            (real, state, handle)
        } else {
            if let Some(trace) = trace.as_ref().filter(|_| purpose == Purpose::Sign) {
                return Err(OpenError::Lost { path: path.to_owned(), trace: trace.clone() });
            }
            let (file, handle) = renewal::create(path, Contents::empty(trace.is_some(), role), disk.as_ref())?;
            remember(&mut lock, &lock_path, length)?;
            (path.to_owned(), FileState::Open(file), handle)
        };
        Self::start(path, state, Some(handle), Some(lock), purpose, role, disk)
    }

    fn start(
        path: PathBuf,
        state: FileState,
        handle: Option<File>,
        lock: Option<File>,
        purpose: Purpose,
        role: StoreRole,
        disk: Box<dyn Disk>,
    ) -> Result<Self, OpenError> {
        let (requests, queue) = mpsc::channel(QUEUE);
        let file = path.clone();
        let owner = Owner::new(path, state, handle, lock, purpose, role, disk);
        let (is_ready, id) = (Arc::clone(&owner.is_ready), Arc::clone(&owner.id));
        thread::Builder::new()
            .name("marks".to_owned())
            .spawn(move || owner.serve(queue))
            .map_err(OpenError::io(&file))?;
        Ok(Self { requests, is_ready, id, role })
    }

    /// What the store is for.
    pub const fn role(&self) -> StoreRole {
        self.role
    }

    /// Every mark, in the order of chain, key and kind, and every item that is not a mark.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub async fn list(&self) -> Result<Listing, StoreError> {
        self.with_file(|file| file::list(&file.database)).await
    }

    /// The item under the name of a mark, `None` if it does not exist.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub async fn look(&self, id: &MarkId) -> Result<Option<Found>, StoreError> {
        let id = id.to_string();
        self.with_file(move |file| file::look(&file.database, &id)).await
    }

    /// Whether the store replaces a lost one, so that absent marks may have been lost.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub async fn is_recreated(&self) -> Result<bool, StoreError> {
        self.with_file(|file| Ok(file.is_recreated)).await
    }

    /// Records that a key has never signed on a chain, so that its absent marks there were not lost. Durable once `Ok` is
    /// returned.
    ///
    /// # Errors
    /// [`StoreError`] if it may not have been recorded.
    pub async fn declare_new(&self, chain: ChainId, key: PublicKeyHash) -> Result<(), StoreError> {
        self.with_file(move |file| file::declare_new(&file.database, chain, key)).await
    }

    /// Runs `work` on the store's thread.
    async fn with_file<T: Send + 'static>(
        &self,
        work: impl FnOnce(&OpenFile) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call(|reply| {
            // The caller may have been dropped.
            Work::Other(Box::new(move |owner| drop(reply.send(owner.with(work).map_err(StoreError::from)))))
        })
        .await?
    }

    async fn call<T>(&self, work: impl FnOnce(oneshot::Sender<T>) -> Work) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(work(reply)).await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)
    }
}

#[async_trait]
impl MarkStore for EmbeddedMarkStore {
    async fn read(&self, id: &MarkId, _: Instant) -> Result<Option<Stored>, StoreError> {
        let id = id.to_string();
        self.call(|reply| Work::Read { id, reply }).await?
    }

    async fn write(
        &self,
        id: &MarkId,
        mark: &Mark,
        expected: Option<&Version>,
        _: Instant,
    ) -> Result<Version, WriteError> {
        let write = Box::new(Write { id: id.to_string(), mark: mark.clone(), expected: expected.cloned() });
        self.call(|reply| Work::Write { write, reply }).await.map_err(WriteError::Unknown)?
    }

    async fn read_stops(&self, key: &PublicKeyHash, _: Instant) -> Result<Option<StoredStops>, StoreError> {
        let name = stop_item_name(key);
        self.with_file(move |file| file::read_stops(&file.database, &name)).await?
    }

    async fn write_stops(
        &self,
        key: &PublicKeyHash,
        stops: &KeyStops,
        expected: Option<&Version>,
        _: Instant,
    ) -> Result<Version, WriteError> {
        let (name, stops, expected) = (stop_item_name(key), stops.clone(), expected.cloned());
        self.call(|reply| {
            Work::Other(Box::new(move |owner| {
                let purpose = owner.purpose;
                let outcome =
                    owner.with(|file| file::write_stops(&file.database, &name, &stops, expected.as_ref(), purpose));
                // The caller may have been dropped.
                drop(reply.send(outcome.unwrap_or_else(|not_done| Err(WriteError::from(not_done)))));
            }))
        })
        .await
        .map_err(WriteError::Unknown)?
    }

    fn identity(&self) -> Option<StoreIdentity> {
        Some(StoreIdentity::Embedded { id: self.id.get()?.clone() })
    }

    fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed)
    }

    async fn may_have_lost(&self, id: &MarkId) -> Result<bool, StoreError> {
        let id = id.to_string();
        self.with_file(move |file| Ok(file.is_recreated && !file::is_declared_new(&file.database, &id)?)).await
    }
}

/// The contents of `marks.lock` once a store exists. Written after the store, so that a process that is killed between the two
/// leaves no false trace.
const WAS_CREATED: &str = "A mark store was created in this folder. Keep it together with this file.\n";

fn lock_of(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

fn remember(lock: &mut File, lock_path: &Path, length: u64) -> Result<(), OpenError> {
    if length > 0 {
        return Ok(());
    }
    lock.write_all(WAS_CREATED.as_bytes()).and_then(|()| lock.sync_all()).map_err(OpenError::io(lock_path))
}

/// The file that proves that there was a store at `path`: its lock, or a store that was moved aside.
fn trace_of(path: &Path, length_of_lock: u64) -> Option<PathBuf> {
    if length_of_lock > 0 {
        return Some(lock_of(path));
    }
    let prefix = [path.file_name()?.as_encoded_bytes(), ASIDE.as_bytes()].concat();
    let mut folder = fs::read_dir(path.parent()?).ok()?.filter_map(Result::ok);
    let aside = folder.find(|entry| entry.file_name().as_encoded_bytes().starts_with(&prefix))?;
    Some(aside.path())
}

#[cfg(test)]
mod tests;
