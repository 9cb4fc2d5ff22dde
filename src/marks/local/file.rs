use super::OpenError;
use super::owner::Write;
use crate::marks::{Mark, MarkId, StoreError, Stored, Version, WriteError, is_raised_by};
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Mark id to mark, as JSON.
const MARKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("marks");

/// Marks of tens of keys take a few kilobytes.
const CACHE_BYTES: usize = 1 << 20;

/// The file, and which one of that name it is.
pub(super) struct OpenFile {
    pub(super) database: Database,
    pub(super) inode: u64,
}

impl OpenFile {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let database = builder().open(path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path: path.to_owned() },
            error => OpenError::Unusable { path: path.to_owned(), source: Box::new(error.into()) },
        })?;
        let metadata = fs::metadata(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        Ok(Self { database, inode: metadata.ino() })
    }
}

/// Makes the file under another name first: a process killed half-way leaves no file that would be taken for a store.
pub(super) fn create(path: &Path) -> Result<(), OpenError> {
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

pub(super) fn read(database: &Database, id: &str) -> Result<Option<Stored>, redb::Error> {
    let table = database.begin_read()?.open_table(MARKS)?;
    table.get(id)?.map(|value| parse(value.value())).transpose()
}

pub(super) fn list(database: &Database) -> Result<Vec<(MarkId, Mark)>, redb::Error> {
    let table = database.begin_read()?.open_table(MARKS)?;
    let mut marks = Vec::new();
    for item in table.iter()? {
        let (id, value) = item?;
        let id = id.value().parse().map_err(redb::Error::Corrupted)?;
        marks.push((id, parse(value.value())?.mark));
    }
    Ok(marks)
}

/// Applies the writes in their order and commits them together. Returns when the disk has them.
pub(super) fn apply(database: &Database, writes: &[Write]) -> Result<Vec<Result<Version, WriteError>>, Trouble> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let mut outcomes = Vec::with_capacity(writes.len());
    {
        let mut table = transaction.open_table(MARKS)?;
        for write in writes {
            let stored = table.get(write.id.as_str())?.map(|value| parse(value.value())).transpose();
            outcomes.push(match acceptable(write, stored) {
                Ok(value) => {
                    table.insert(write.id.as_str(), value.as_slice())?;
                    Ok(version_of(&write.mark))
                }
                Err(error) => Err(error),
            });
        }
    }
    transaction.commit().map_err(|error| {
        Trouble::InDoubt(format!(
            "a write may not be on the disk ({error}); look at the disk, and start the signer again"
        ))
    })?;
    Ok(outcomes)
}

/// The bytes of a mark that may be written: the stored one is just the one expected, and lower.
fn acceptable(write: &Write, stored: Result<Option<Stored>, redb::Error>) -> Result<Vec<u8>, WriteError> {
    let not_written = |why: String| WriteError::NotWritten(StoreError::new(format!("{}: {why}", write.id)));
    let stored = stored.map_err(|error| not_written(error.to_string()))?;
    if stored.as_ref().map(|stored| &stored.version) != write.expected.as_ref() {
        return Err(WriteError::Changed);
    }
    if stored.is_some_and(|stored| !is_raised_by(&stored.mark, write.mark.position)) {
        return Err(not_written("the mark would not rise".to_owned()));
    }
    serde_json::to_vec(&write.mark).map_err(|error| not_written(error.to_string()))
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

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// An error, and whether it leaves in doubt what is on the disk.
pub(super) enum Trouble {
    Clear(redb::Error),
    InDoubt(String),
}

impl<E: Into<redb::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Clear(error.into())
    }
}
