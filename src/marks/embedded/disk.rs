//! The disk operations of the embedded store. Tests replace the disk by one that fails and loses unflushed data.

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError};
use std::fs::{self, File};
use std::io;
use std::path::Path;

pub(super) trait Disk: Send + Sync {
    /// Opens the database in a file that is open for reading and writing, or creates one if the file is empty. The file is
    /// locked as long as the database lives.
    fn database(&self, builder: &Builder, file: File) -> Result<Database, DatabaseError>;

    /// Renames a file, and replaces an existing one.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Flushes the directory entries of a folder to the disk.
    fn flush_names(&self, folder: &Path) -> io::Result<()>;
}

/// The operating system's file systems.
pub(super) struct SystemDisk;

impl Disk for SystemDisk {
    fn database(&self, builder: &Builder, file: File) -> Result<Database, DatabaseError> {
        builder.create_with_backend(FileBackend::new(file)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn flush_names(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}
