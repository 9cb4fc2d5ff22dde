//! What the embedded store needs of a disk. The tests have one that fails and forgets.

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError};
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// A disk.
pub(super) trait Disk: Send + Sync {
    /// The database in a file that is open for reading and writing, or a new one if the file is empty. It is locked as long
    /// as the database lives.
    fn database(&self, builder: &Builder, file: File) -> Result<Database, DatabaseError>;

    /// Gives a file another name, in the place of whatever has that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Waits until the names in a folder are on the disk.
    fn flush_names(&self, folder: &Path) -> io::Result<()>;
}

/// The one that the operating system has.
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
