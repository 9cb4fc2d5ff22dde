//! Why an embedded store cannot be opened, and what to do.

use crate::links::LinkError;
use crate::lock_holder::LockHolder;
use crate::marks::StoreRole;
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
        /// The store's file.
        path: PathBuf,
        /// The process that uses it.
        holder: LockHolder,
    },
    /// Another process still used it after the timeout.
    #[error(
        "{} is still in use by {holder} after {} s: one process at a time can use an embedded mark store. Stop that process \
         if an earlier host has left it behind; two hosts cannot share a data folder",
        path.display(),
        waited.as_secs()
    )]
    StillInUse {
        /// The store's file.
        path: PathBuf,
        /// The process that uses it.
        holder: LockHolder,
        /// How long this process waited.
        waited: Duration,
    },
    /// It existed and is gone.
    #[error(
        "{} is gone, but {} proves that it existed: restore it, or raise the marks of each key above everything that the key has \
         signed (azurehsm-signer marks raise, or import) before it signs again",
        path.display(),
        trace.display()
    )]
    Lost {
        /// The store's file.
        path: PathBuf,
        /// The file that proves that it existed.
        trace: PathBuf,
    },
    /// The path is a dangling symbolic link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The file system reported an error.
    #[error("{}: {source}{}", path.display(), hint(source))]
    Io {
        /// The store's file.
        path: PathBuf,
        /// The file system's error.
        source: io::Error,
    },
    /// The file is not a mark store, or is damaged.
    #[error(
        "{0} cannot be used as a mark store: {reason}. If no good copy of it can be restored, move it aside (mv {1} {2}), then \
         raise the marks of each key on each chain above everything signed (azurehsm-signer marks raise CHAIN KEY LEVEL, or \
         marks import FILE); until a mark is raised, nothing that needs it is signed",
        path.display(),
        quoted(path),
        quoted(aside)
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// A free name to move the file to.
        aside: PathBuf,
        /// The damage.
        reason: String,
    },
    /// The file contains a table of a later version, which would be dropped.
    #[error("{} has a table {table:?} that this version does not support: use the version that wrote it", path.display())]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// The table's name.
        table: String,
    },
    /// It is for the other role.
    #[error("{} {}", path.display(), of_other_role(*found))]
    OtherRole {
        /// The store's file.
        path: PathBuf,
        /// The role of the store.
        found: StoreRole,
    },
    /// The marks were read, but may not be on the disk, since copying them to a new file failed.
    #[error(
        "{}: cannot copy its marks to a new file ({reason}); no mark is used until that succeeds",
        path.display()
    )]
    NotCopied {
        /// The store's file.
        path: PathBuf,
        /// The disk's error.
        reason: String,
    },
}

/// Appended to a store's name when it is moved aside. A file of that name proves that there was a store.
pub(super) const ASIDE: &str = ".damaged";

impl OpenError {
    /// Reports a damaged file, with a free name to move it to.
    pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        let named = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let is_free = |name: &PathBuf| name.symlink_metadata().is_err();
        let numbered = (2..100).map(|number| named(&format!("{ASIDE}-{number}")));
        let aside = std::iter::once(named(ASIDE)).chain(numbered).find(is_free);
        Self::Damaged { path: path.to_owned(), aside: aside.unwrap_or_else(|| named(ASIDE)), reason: reason.into() }
    }

    /// Reports that the store at `path` is locked: `file`, at `path_of_file`, could not be locked.
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
        |reason| Self::NotCopied { path: path.to_owned(), reason: reason.to_string() }
    }
}

fn of_other_role(found: StoreRole) -> &'static str {
    match found {
        StoreRole::Observing => {
            "is the mark store of an observer, and never permits a signature: it may lack marks of what was signed elsewhere. To \
             sign, set LOCAL_DATA_DIR to another folder; to observe, set OBSERVE=true"
        }
        StoreRole::Signing => {
            "is the mark store of a signer, which an observer must not change: set LOCAL_DATA_DIR to a folder of its own, or \
             remove OBSERVE to sign"
        }
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

/// Quotes a name for a shell.
fn quoted(path: &Path) -> String {
    let name = path.display().to_string();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-+".contains(character);
    if name.chars().all(is_plain) { name } else { format!("'{}'", name.replace('\'', r"'\''")) }
}
