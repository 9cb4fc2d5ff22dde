//! Writes a store as a new file with all its marks, complete and flushed before it gets its name.

use super::contents::{Contents, in_memory};
use super::disk::Disk;
use super::file::{OpenFile, begin, builder};
use super::open_error::OpenError;
use crate::lock_holder::LockHolder;
use crate::marks::StoreRole;
use redb::Database;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

/// File name extension of a store that is being written.
pub(super) const UNFINISHED: &str = "new";

/// Opens the file at `path` read-only, and returns its role. Nothing on the disk changes.
pub(super) fn read(path: &Path) -> Result<(OpenFile, StoreRole), OpenError> {
    let mut file = open(path, OpenOptions::new().read(true))?;
    file.try_lock_shared().map_err(|error| OpenError::not_locked(error, &file, path, path))?;
    let bytes = bytes_of(&mut file, path)?;
    let role = Contents::of(&bytes, path)?.role();
    let database = in_memory(&bytes).map_err(|error| OpenError::damaged(path, error.to_string()))?;
    let file = OpenFile::new(database).map_err(|error| OpenError::damaged(path, error.to_string()))?;
    Ok((file, role))
}

/// Opens the file at `path`, to be [renewed](renew).
pub(super) fn find(path: &Path) -> Result<File, OpenError> {
    open(path, OpenOptions::new().read(true).write(true))
}

fn open(path: &Path, options: &OpenOptions) -> Result<File, OpenError> {
    // Checked before opening, since opening a pipe would block.
    let metadata = fs::metadata(path).map_err(OpenError::io(path))?;
    if metadata.is_dir() {
        return Err(OpenError::damaged(path, "it is a directory"));
    }
    if !metadata.is_file() {
        return Err(OpenError::damaged(path, "it is not a regular file"));
    }
    options.open(path).map_err(OpenError::io(path))
}

/// Copies all marks of the file at `path`, opened as `handle`, to a new file that replaces it; `handle` then refers to the new
/// file. When this returns, the marks are on the disk, even if they were read from the page cache: after a failed flush, the
/// system may mark pages as clean that it could not write.
///
/// At every instant, the file at `path` is complete and locked by this process, and no other process can write to it: the old
/// file is locked before it is read, and the new one before it gets the name. After an error, either file may be at `path`;
/// both have all marks.
///
/// # Errors
/// [`OpenError::NotCopied`] if the disk could not store the copy. This can be retried with the same `handle`.
/// [`OpenError::OtherRole`] if the store is not for `role`: then nothing was written.
pub(super) fn renew(path: &Path, handle: &mut File, role: StoreRole, disk: &dyn Disk) -> Result<OpenFile, OpenError> {
    handle.try_lock().map_err(|error| OpenError::not_locked(error, handle, path, path))?;
    // Another process may have renewed it before it was locked.
    if !is_at(path, handle) {
        let holder = find(path).map_or(LockHolder::Unknown, |file| LockHolder::of(&file));
        return Err(OpenError::InUse { path: path.to_owned(), holder });
    }
    let contents = Contents::of(&bytes_of(handle, path)?, path)?;
    if contents.role() != role {
        return Err(OpenError::OtherRole { path: path.to_owned(), found: contents.role() });
    }
    write(path, contents, Some(handle), disk).map(|(file, _)| file).map_err(OpenError::not_copied(path))
}

/// Creates a store with these contents.
///
/// # Errors
/// [`OpenError::NotCopied`] if the disk could not store it.
pub(super) fn create(path: &Path, contents: Contents, disk: &dyn Disk) -> Result<(OpenFile, File), OpenError> {
    let (file, handle) = write(path, contents, None, disk).map_err(OpenError::not_copied(path))?;
    let handle = handle.map_or_else(|| find(path), Ok)?;
    Ok((file, handle))
}

/// Whether `path` still names this file.
pub(super) fn is_at(path: &Path, file: &File) -> bool {
    match (fs::metadata(path), file.metadata()) {
        (Ok(there), Ok(here)) => (there.dev(), there.ino()) == (here.dev(), here.ino()),
        _ => false,
    }
}

fn bytes_of(file: &mut File, path: &Path) -> Result<Vec<u8>, OpenError> {
    let mut bytes = Vec::new();
    let read = io::Seek::rewind(file).and_then(|()| file.read_to_end(&mut bytes));
    read.map_err(OpenError::io(path))?;
    Ok(bytes)
}

/// Returns the new file, and a handle to it unless that replaces `handle`.
fn write(
    path: &Path,
    mut contents: Contents,
    handle: Option<&mut File>,
    disk: &dyn Disk,
) -> Result<(OpenFile, Option<File>), redb::Error> {
    contents.identify()?;
    let unfinished = path.with_extension(UNFINISHED);
    // Left behind by a process that was killed.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let written = write_as(&unfinished, &contents, handle.as_deref(), disk).and_then(|(database, new)| {
        disk.rename(&unfinished, path)?;
        let new = match handle {
            Some(handle) => {
                *handle = new;
                None
            }
            None => Some(new),
        };
        disk.flush_names(folder_of(path))?;
        Ok((OpenFile::new(database)?, new))
    });
    if written.is_err() {
        // It takes up space that may be short. If it was renamed already, there is nothing to remove.
        drop(fs::remove_file(&unfinished));
    }
    written
}

fn write_as(
    path: &Path,
    contents: &Contents,
    old: Option<&File>,
    disk: &dyn Disk,
) -> Result<(Database, File), redb::Error> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    if let Some(old) = old {
        keep_owner(&file, old)?;
    }
    // A separate handle: with a shared one, redb would release this lock too.
    let handle = OpenOptions::new().read(true).write(true).open(path)?;
    let database = disk.database(&builder(), file)?;
    let transaction = begin(&database)?;
    contents.fill(&transaction)?;
    transaction.commit()?;
    Ok((database, handle))
}

/// A command may run as a different user than the signer, which must be able to open the new file too.
fn keep_owner(file: &File, old: &File) -> io::Result<()> {
    let (new, old) = (file.metadata()?, old.metadata()?);
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) && fchown(file, Some(old.uid()), Some(old.gid())).is_err() {
        // Only root may change a file's owner.
        drop(fchown(file, None, Some(old.gid())));
    }
    file.set_permissions(Permissions::from_mode(old.mode() & 0o777))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
