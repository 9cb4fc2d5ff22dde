use super::Purpose;
use super::file::{OpenFile, Trouble, apply, read};
use crate::marks::{Mark, StoreError, Stored, Version, WriteError};
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use tokio::sync::{mpsc, oneshot};

/// Writes that share one flush of the disk, at most.
const MOST_AT_ONCE: usize = 1024;

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

/// What the thread has: the file, and the lock, for good.
pub(super) struct Owner {
    path: PathBuf,
    file: State,
    purpose: Purpose,
    _lock: File,
}

enum State {
    Open(OpenFile),
    /// After an error that left nothing in doubt. redb wants the file to be opened again then.
    Closed,
    /// After an error of a flush, or when the file was taken away: what is read may be in the memory of the system alone,
    /// and opening the file again would not tell. Only a start of the process leads out.
    Untrusted(StoreError),
}

impl Owner {
    pub(super) const fn new(path: PathBuf, file: OpenFile, lock: File, purpose: Purpose) -> Self {
        Self { path, file: State::Open(file), purpose, _lock: lock }
    }

    /// Does the work that waits, until nobody can ask any more.
    pub(super) fn serve(mut self, mut queue: mpsc::Receiver<Work>) {
        let mut waiting = Vec::new();
        while queue.blocking_recv_many(&mut waiting, MOST_AT_ONCE) > 0 {
            let mut writes = Vec::new();
            for work in waiting.drain(..) {
                // A caller that has gone away needs no answer.
                match work {
                    Work::Write { write, reply } => writes.push((*write, reply)),
                    Work::Read { id, reply } => drop(reply.send(self.with(|file| Ok(read(&file.database, &id)?)))),
                    Work::Other(work) => work(&mut self),
                }
            }
            if !writes.is_empty() {
                self.write_all(writes);
            }
        }
    }

    /// Does something with the file.
    pub(super) fn with<T>(&mut self, work: impl FnOnce(&OpenFile) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let explained = |why: &dyn fmt::Display| StoreError::new(format!("{}: {why}", self.path.display()));
        let file = match std::mem::replace(&mut self.file, State::Closed) {
            State::Open(file) => file,
            State::Closed => OpenFile::open(&self.path).map_err(|error| StoreError::new(error.to_string()))?,
            State::Untrusted(error) => {
                self.file = State::Untrusted(error.clone());
                return Err(error);
            }
        };
        let done = if fs::metadata(&self.path).is_ok_and(|metadata| metadata.ino() == file.inode) {
            work(&file)
        } else {
            Err(Trouble::InDoubt("the file was moved or deleted; restore it, and start the signer again".to_owned()))
        };
        match done {
            Ok(done) => {
                self.file = State::Open(file);
                Ok(done)
            }
            Err(Trouble::Clear(error)) => Err(explained(&error)),
            Err(Trouble::InDoubt(why)) => {
                let error = explained(&why);
                self.file = State::Untrusted(error.clone());
                Err(error)
            }
        }
    }

    /// Applies the writes in their order and commits them together; nobody is told before the disk has them.
    fn write_all(&mut self, writes: Vec<(Write, oneshot::Sender<Result<Version, WriteError>>)>) {
        let (writes, replies): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
        let purpose = self.purpose;
        match self.with(|file| apply(file, &writes, purpose)) {
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

#[cfg(test)]
mod tests {
    use super::super::file::{create, list};
    use super::*;
    use std::io;
    use std::path::Path;

    fn owner(folder: &Path) -> Owner {
        let path = folder.join("marks.redb");
        create(&path, false).unwrap();
        let lock = File::create(folder.join("marks.lock")).unwrap();
        let file = OpenFile::open(&path).unwrap();
        Owner::new(path, file, lock, Purpose::Sign)
    }

    #[test]
    fn after_an_error_before_a_flush_the_file_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut owner = owner(folder.path());
        let full = || redb::Error::Io(io::Error::from(io::ErrorKind::StorageFull));
        assert!(owner.with(|_| Err::<(), _>(full().into())).is_err());
        assert!(owner.with(|file| Ok(list(&file.database)?)).unwrap().marks.is_empty());
    }

    #[test]
    fn after_an_error_of_a_flush_nothing_is_believed_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let mut owner = owner(folder.path());
        assert!(owner.with(|_| Err::<(), _>(Trouble::InDoubt("flush".to_owned()))).is_err());
        assert!(owner.with(|file| Ok(list(&file.database)?)).is_err());
    }

    #[test]
    fn a_file_that_was_taken_away_takes_no_more_marks() {
        let folder = tempfile::tempdir().unwrap();
        let mut owner = owner(folder.path());
        fs::rename(&owner.path, folder.path().join("elsewhere")).unwrap();
        assert!(owner.with(|file| Ok(list(&file.database)?)).unwrap_err().to_string().contains("moved or deleted"));
        create(&owner.path, false).unwrap();
        assert!(owner.with(|file| Ok(list(&file.database)?)).is_err(), "another file is not the one that was opened");
    }
}
