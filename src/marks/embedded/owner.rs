//! The thread that owns the file of an embedded store. It serves requests, and recovers after errors.

use super::disk::Disk;
use super::file::{OpenFile, Write, apply, read};
use super::purpose::Purpose;
use super::renewal;
use crate::marks::{StoreError, StoreRole, Stored, Version, WriteError};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

/// Maximum number of writes that share one flush of the disk.
const MAX_WRITES_AT_ONCE: usize = 1024;

/// Between two attempts to copy the marks while the disk fails.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How often the queue is polled in the meantime.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A request to the thread, with the channel for its answer.
pub(super) enum Work {
    Read {
        id: String,
        reply: oneshot::Sender<Result<Option<Stored>, StoreError>>,
    },
    Write {
        write: Box<Write>,
        reply: oneshot::Sender<Result<Version, WriteError>>,
    },
    /// Requests of commands. The closure sends the answer.
    Other(Box<dyn FnOnce(&mut Owner) + Send>),
}

/// The state of the thread: the file, and the locks.
pub(super) struct Owner {
    path: PathBuf,
    state: FileState,
    /// The file at `path`, unless it was replaced; `None` if the database is a copy in memory.
    handle: Option<File>,
    disk: Box<dyn Disk>,
    pub(super) purpose: Purpose,
    role: StoreRole,
    /// Whether marks can be read and written.
    pub(super) is_ready: Arc<AtomicBool>,
    /// The store's id, from the first time on that it is open.
    pub(super) id: Arc<OnceLock<String>>,
    _lock: Option<File>,
}

pub(super) enum FileState {
    Open(OpenFile),
    /// After an error, data that can be read may exist only in the page cache, and another flush would not reveal that. All
    /// marks are copied to a new file before anything is answered again.
    Failed {
        reason: StoreError,
        next_attempt: Instant,
    },
    /// The file was moved or deleted. Only a restart recovers.
    Gone(StoreError),
}

/// Why work on the file failed.
pub(super) enum NotDone {
    /// It was not started.
    Before(StoreError),
    /// It may have been done.
    Within(StoreError),
}

impl From<NotDone> for StoreError {
    fn from((NotDone::Before(error) | NotDone::Within(error)): NotDone) -> Self {
        error
    }
}

impl From<NotDone> for WriteError {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Before(error) => Self::NotWritten(error),
            NotDone::Within(error) => Self::Unknown(error),
        }
    }
}

impl Owner {
    pub(super) fn new(
        path: PathBuf,
        state: FileState,
        handle: Option<File>,
        lock: Option<File>,
        purpose: Purpose,
        role: StoreRole,
        disk: Box<dyn Disk>,
    ) -> Self {
        let is_ready = Arc::new(AtomicBool::new(matches!(state, FileState::Open(_))));
        if let FileState::Failed { reason, .. } = &state {
            log_failure(&path, reason);
        }
        let id = Arc::new(id_in(&state).map_or_else(OnceLock::new, OnceLock::from));
        Self { path, state, handle, disk, purpose, role, is_ready, id, _lock: lock }
    }

    /// Serves requests until all senders are dropped.
    pub(super) fn serve(mut self, mut queue: mpsc::Receiver<Work>) {
        let mut waiting = Vec::new();
        while self.wait_for_work(&mut queue, &mut waiting) {
            let mut writes = Vec::new();
            for work in waiting.drain(..) {
                // The caller may have been dropped.
                match work {
                    Work::Write { write, reply } => writes.push((*write, reply)),
                    Work::Read { id, reply } => drop(reply.send(self.read(&id))),
                    Work::Other(work) => work(&mut self),
                }
            }
            if !writes.is_empty() {
                self.write_all(writes);
            }
        }
    }

    /// Waits for work, and tries to recover in the meantime. Returns `false` at the end.
    fn wait_for_work(&mut self, queue: &mut mpsc::Receiver<Work>, waiting: &mut Vec<Work>) -> bool {
        while matches!(self.state, FileState::Failed { .. }) {
            match queue.try_recv() {
                Ok(work) => {
                    waiting.push(work);
                    return true;
                }
                Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => thread::sleep(POLL_INTERVAL),
            }
            self.recover();
        }
        queue.blocking_recv_many(waiting, MAX_WRITES_AT_ONCE) > 0
    }

    fn read(&mut self, id: &str) -> Result<Option<Stored>, StoreError> {
        self.with(|file| read(&file.database, id))?
    }

    /// Runs `work` on the file.
    pub(super) fn with<T>(&mut self, work: impl FnOnce(&OpenFile) -> Result<T, redb::Error>) -> Result<T, NotDone> {
        self.recover();
        if let Some(handle) = &self.handle
            && !matches!(self.state, FileState::Gone(_))
            && !renewal::is_at(&self.path, handle)
        {
            let reason = "the file was moved or deleted; restore it, and restart the signer";
            let error = StoreError::new(format!("{}: {reason}", self.path.display()));
            self.enter(FileState::Gone(error));
        }
        let failed = match &self.state {
            FileState::Gone(error) | FileState::Failed { reason: error, .. } => {
                return Err(NotDone::Before(error.clone()));
            }
            // A panic of the database is treated as a fault of the disk.
            FileState::Open(file) => {
                match catch_unwind(AssertUnwindSafe(|| work(file))).unwrap_or_else(|_| Err(panicked())) {
                    Ok(done) => return Ok(done),
                    Err(error) => error,
                }
            }
        };
        let reason = StoreError::new(format!(
            "{}: {failed}. The state of the disk is uncertain, so nothing is answered until all marks have been copied to a new \
             file, which is retried until it succeeds",
            self.path.display()
        ));
        self.enter(FileState::Failed { reason: reason.clone(), next_attempt: Instant::now() });
        Err(NotDone::Within(reason))
    }

    /// Copies all marks to a new file, if an attempt is due.
    fn recover(&mut self) {
        let (FileState::Failed { next_attempt, .. }, Some(handle)) = (&self.state, &mut self.handle) else { return };
        if Instant::now() < *next_attempt || !renewal::is_at(&self.path, handle) {
            return;
        }
        match renewal::renew(&self.path, handle, self.role, self.disk.as_ref()) {
            Ok(file) => self.enter(FileState::Open(file)),
            Err(error) => {
                let reason = StoreError::new(error.to_string());
                self.enter(FileState::Failed { reason, next_attempt: Instant::now() + RETRY_INTERVAL });
            }
        }
    }

    /// Changes the state, and logs the change.
    pub(super) fn enter(&mut self, state: FileState) {
        let reason_before = match &self.state {
            FileState::Open(_) => None,
            FileState::Failed { reason, .. } | FileState::Gone(reason) => Some(reason.log()),
        };
        match &state {
            FileState::Open(_) => {
                let path = self.path.display();
                info!(%path, event = "store_recovered", "copied all marks to a new file; the mark store is in use again");
            }
            FileState::Failed { reason, .. } | FileState::Gone(reason)
                if reason_before.as_ref() != Some(&reason.log()) =>
            {
                log_failure(&self.path, reason);
            }
            FileState::Failed { .. } | FileState::Gone(_) => {}
        }
        if let Some(id) = id_in(&state) {
            self.id.get_or_init(|| id);
        }
        self.is_ready.store(matches!(state, FileState::Open(_)), Ordering::Relaxed);
        self.state = state;
    }

    /// Applies the writes in their order and commits them together. They are acknowledged once the disk has them.
    fn write_all(&mut self, writes: Vec<(Write, oneshot::Sender<Result<Version, WriteError>>)>) {
        let (writes, replies): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
        let purpose = self.purpose;
        let outcomes = match self.with(|file| apply(file, &writes, purpose)) {
            Ok(outcomes) => outcomes,
            Err(not_done) => vec![Err(WriteError::from(not_done)); replies.len()],
        };
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            drop(reply.send(outcome));
        }
    }
}

fn id_in(state: &FileState) -> Option<String> {
    match state {
        FileState::Open(file) => file.id.clone(),
        FileState::Failed { .. } | FileState::Gone(_) => None,
    }
}

fn log_failure(path: &Path, reason: &StoreError) {
    error!(path = %path.display(), reason = reason.log(), event = "store_failed", "no block or vote is signed");
}

fn panicked() -> redb::Error {
    redb::Error::Corrupted("the database panicked".to_owned())
}
