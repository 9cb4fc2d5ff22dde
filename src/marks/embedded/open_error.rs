use crate::links::LinkError;
use crate::lock_holder::LockHolder;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// Why the store cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process uses it.
    #[error(
        "{} is in use by {holder}: one process at a time can use an embedded mark store, so stop that one first",
        path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// Who uses it.
        holder: LockHolder,
    },
    /// Another process still used it after a wait.
    #[error(
        "{} is still in use by {holder} after {} s: one process at a time can use an embedded mark store. Stop that process \
         if an earlier host has left it behind; two hosts cannot share a data folder",
        path.display(),
        waited.as_secs()
    )]
    StillInUse {
        /// The file.
        path: PathBuf,
        /// Who uses it.
        holder: LockHolder,
        /// How long it was waited for.
        waited: Duration,
    },
    /// It was there, and is not any more.
    #[error(
        "{} is gone, but {} shows that it existed: restore it, or raise the marks of each key above what it has signed \
         (azurehsm-signer marks raise, or import) before it signs again",
        path.display(),
        trace.display()
    )]
    Lost {
        /// The file.
        path: PathBuf,
        /// The file that shows it.
        trace: PathBuf,
    },
    /// A name is a symbolic link that leads nowhere.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The file system refused.
    #[error("{}: {source}{}", path.display(), hint(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// The file is not a mark store, or is damaged.
    #[error(
        "{0} cannot be used as a mark store: {why}. If no good copy of it can be restored, move it aside (mv {1} {2}), then \
         raise the marks of each key on each chain above all that was signed (azurehsm-signer marks raise CHAIN KEY LEVEL, or \
         marks import FILE); until a mark is raised, nothing that needs it is signed",
        path.display(),
        quoted(path),
        quoted(aside)
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// A name for it that is free.
        aside: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file holds what this version does not know, and would drop.
    #[error("{} has a table {table:?} that this version does not know: use the version that wrote it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
    },
    /// The marks were read, but may not be on the disk, since they could not be copied to a new file.
    #[error(
        "{}: its marks could not be copied to a new file ({why}); none is relied on before that has succeeded",
        path.display()
    )]
    NotCopied {
        /// The file.
        path: PathBuf,
        /// What the disk says.
        why: String,
    },
}

/// What is added to a store's name when it is moved aside. A file of that name shows that there was a store.
pub(super) const ASIDE: &str = ".damaged";

impl OpenError {
    /// For a file that is damaged.
    pub(super) fn damaged(path: &Path, why: impl Into<String>) -> Self {
        let named = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let is_free = |name: &PathBuf| name.symlink_metadata().is_err();
        let numbered = (2..100).map(|number| named(&format!("{ASIDE}-{number}")));
        let aside = std::iter::once(named(ASIDE)).chain(numbered).find(is_free);
        Self::Damaged { path: path.to_owned(), aside: aside.unwrap_or_else(|| named(ASIDE)), why: why.into() }
    }

    /// For the store at `path`, where `file`, which stands at `path_of_file`, could not be locked.
    pub(super) fn not_locked(error: TryLockError, file: &File, path_of_file: &Path, path: &Path) -> Self {
        match error {
            TryLockError::WouldBlock => Self::InUse { path: path.to_owned(), holder: LockHolder::of(file) },
            TryLockError::Error(source) => Self::Io { path: path_of_file.to_owned(), source },
        }
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn not_copied<E: ToString>(path: &Path) -> impl Fn(E) -> Self {
        |why| Self::NotCopied { path: path.to_owned(), why: why.to_string() }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ". The user that the signer runs as must own it (chown), and be allowed to read and write it (chmod u+rw) and its \
             folder (chmod u+rwx)"
        }
        _ => "",
    }
}

/// A name as a shell reads it.
fn quoted(path: &Path) -> String {
    let name = path.display().to_string();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-+".contains(character);
    if name.chars().all(is_plain) { name } else { format!("'{}'", name.replace('\'', r"'\''")) }
}
