use super::disk::Disk;
use super::file::{OpenFile, apply, read};
use super::{Purpose, renewal};
use crate::marks::{Mark, StoreError, Stored, Version, WriteError};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

/// Writes that share one flush of the disk, at most.
const MAX_WRITES_AT_ONCE: usize = 1024;

/// Between two attempts to copy the marks while the disk does not take them.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Between two looks at the queue meanwhile.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What the thread is asked, and where the answer goes.
pub(super) enum Work {
    Read {
        id: String,
        reply: oneshot::Sender<Result<Option<Stored>, StoreError>>,
    },
    Write {
        write: Box<Write>,
        reply: oneshot::Sender<Result<Version, WriteError>>,
    },
    /// What only commands ask for. It sends its answer itself.
    Other(Box<dyn FnOnce(&mut Owner) + Send>),
}

/// A conditional write.
pub(super) struct Write {
    pub(super) id: String,
    pub(super) mark: Mark,
    pub(super) expected: Option<Version>,
}

/// What the thread has: the file, and the locks.
pub(super) struct Owner {
    path: PathBuf,
    state: FileState,
    /// The file at `path`, as long as it is ours; `None` if the database is a copy in memory.
    handle: Option<File>,
    disk: Box<dyn Disk>,
    purpose: Purpose,
    /// Whether marks are read and written.
    pub(super) is_ready: Arc<AtomicBool>,
    /// Held for as long as the process lives.
    _lock: Option<File>,
}

pub(super) enum FileState {
    Open(OpenFile),
    /// After an error: what is read may be in the memory of the system alone, and another flush would not show it. The marks are
    /// copied to a new file before anything is answered again.
    Failed {
        why: StoreError,
        next_attempt: Instant,
    },
    /// The file was moved or deleted. Only a start of the process leads out.
    Gone(StoreError),
}

/// Why something was not done with the file.
pub(super) enum NotDone {
    /// It was not begun.
    Before(StoreError),
    /// It may have been done.
    Within(StoreError),
}

impl From<NotDone> for StoreError {
    fn from((NotDone::Before(error) | NotDone::Within(error)): NotDone) -> Self {
        error
    }
}

impl Owner {
    pub(super) fn new(
        path: PathBuf,
        state: FileState,
        handle: Option<File>,
        lock: Option<File>,
        purpose: Purpose,
        disk: Box<dyn Disk>,
    ) -> Self {
        let is_ready = Arc::new(AtomicBool::new(matches!(state, FileState::Open(_))));
        if let FileState::Failed { why, .. } = &state {
            log_failure(&path, why);
        }
        Self { path, state, handle, disk, purpose, is_ready, _lock: lock }
    }

    /// Does the work that waits, until nobody can ask any more.
    pub(super) fn serve(mut self, mut queue: mpsc::Receiver<Work>) {
        let mut waiting = Vec::new();
        while self.wait_for_work(&mut queue, &mut waiting) {
            let mut writes = Vec::new();
            for work in waiting.drain(..) {
                // A caller that has gone away needs no answer.
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

    /// Waits for work; meanwhile, makes good what has failed. Returns whether there is any.
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

    /// Does something with the file.
    pub(super) fn with<T>(&mut self, work: impl FnOnce(&OpenFile) -> Result<T, redb::Error>) -> Result<T, NotDone> {
        self.recover();
        if let Some(handle) = &self.handle
            && !matches!(self.state, FileState::Gone(_))
            && !renewal::is_at(&self.path, handle)
        {
            let why = "the file was moved or deleted; restore it, and start the signer again";
            let error = StoreError::new(format!("{}: {why}", self.path.display()));
            self.enter(FileState::Gone(error));
        }
        let failed = match &self.state {
            FileState::Gone(error) | FileState::Failed { why: error, .. } => {
                return Err(NotDone::Before(error.clone()));
            }
            // A fault of the database is one of the disk, for all that is known.
            FileState::Open(file) => {
                match catch_unwind(AssertUnwindSafe(|| work(file))).unwrap_or_else(|_| Err(panicked())) {
                    Ok(done) => return Ok(done),
                    Err(error) => error,
                }
            }
        };
        let why = StoreError::new(format!(
            "{}: {failed}. What the disk holds is not certain, so nothing is answered before all marks have been copied to a new \
             file, which is tried again until it succeeds",
            self.path.display()
        ));
        self.enter(FileState::Failed { why: why.clone(), next_attempt: Instant::now() });
        Err(NotDone::Within(why))
    }

    /// Copies all marks to a new file, if that is due.
    fn recover(&mut self) {
        let (FileState::Failed { next_attempt, .. }, Some(handle)) = (&self.state, &mut self.handle) else { return };
        if Instant::now() < *next_attempt || !renewal::is_at(&self.path, handle) {
            return;
        }
        match renewal::renew(&self.path, handle, self.disk.as_ref()) {
            Ok(file) => self.enter(FileState::Open(file)),
            Err(error) => {
                let why = StoreError::new(error.to_string());
                self.enter(FileState::Failed { why, next_attempt: Instant::now() + RETRY_INTERVAL });
            }
        }
    }

    /// Logs what is new.
    pub(super) fn enter(&mut self, state: FileState) {
        let why_before = match &self.state {
            FileState::Open(_) => None,
            FileState::Failed { why, .. } | FileState::Gone(why) => Some(why.log()),
        };
        match &state {
            FileState::Open(_) => {
                let path = self.path.display();
                info!(%path, event = "store_recovered", "all marks were copied to a new file: the mark store is used again");
            }
            FileState::Failed { why, .. } | FileState::Gone(why) if why_before.as_ref() != Some(&why.log()) => {
                log_failure(&self.path, why);
            }
            FileState::Failed { .. } | FileState::Gone(_) => {}
        }
        self.is_ready.store(matches!(state, FileState::Open(_)), Ordering::Relaxed);
        self.state = state;
    }

    /// Applies the writes in their order and commits them together; nobody is told before the disk has them.
    fn write_all(&mut self, writes: Vec<(Write, oneshot::Sender<Result<Version, WriteError>>)>) {
        let (writes, replies): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
        let purpose = self.purpose;
        let outcomes = match self.with(|file| apply(file, &writes, purpose)) {
            Ok(outcomes) => outcomes,
            Err(NotDone::Before(error)) => vec![Err(WriteError::NotWritten(error)); replies.len()],
            Err(NotDone::Within(error)) => vec![Err(WriteError::Unknown(error)); replies.len()],
        };
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            drop(reply.send(outcome));
        }
    }
}

fn log_failure(path: &Path, why: &StoreError) {
    error!(path = %path.display(), reason = why.log(), event = "store_failed", "no block or vote is signed");
}

fn panicked() -> redb::Error {
    redb::Error::Corrupted("the database panicked".to_owned())
}
