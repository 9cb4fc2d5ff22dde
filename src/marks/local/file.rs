use super::owner::Write;
use super::{Listing, OpenError, Purpose};
use crate::marks::{Found, Mark, MarkId, StoreError, Stored, Unreadable, Version, WriteError, is_raised_by};
use crate::tezos::{ChainId, Digest, PublicKeyHash};
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction,
};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Mark id to mark, as JSON.
const MARKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("marks");

/// What is known of the store itself. Stores of earlier versions have no such table.
const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");

/// In [`META`], since when: the store was made in the place of one that was lost.
const MADE_ANEW: &str = "made_anew";

/// `<chain>:<public key hash>` to since when: keys that an operator has declared new on a chain, in a store that was made
/// anew.
const NEW_KEYS: TableDefinition<'_, &str, &str> = TableDefinition::new("new_keys");

/// Marks of tens of keys take a few kilobytes.
const CACHE_BYTES: usize = 1 << 20;

/// The file, and which one of that name it is.
pub(super) struct OpenFile {
    pub(super) database: Database,
    pub(super) inode: u64,
    /// Whether it was made in the place of a lost one. That never changes.
    pub(super) is_made_anew: bool,
}

impl OpenFile {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let database = builder().open(path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path: path.to_owned() },
            error => OpenError::Unusable { path: path.to_owned(), source: Box::new(error.into()) },
        })?;
        let metadata = fs::metadata(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        let is_made_anew = is_made_anew(&database)
            .map_err(|error| OpenError::Unusable { path: path.to_owned(), source: Box::new(error) })?;
        Ok(Self { database, inode: metadata.ino(), is_made_anew })
    }
}

/// Makes the file under another name first: a process killed half-way leaves no file that would be taken for a store, and
/// no store that does not know that it was made anew.
pub(super) fn create(path: &Path, is_made_anew: bool) -> Result<(), OpenError> {
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
    fill(&transaction, is_made_anew).map_err(unusable)?;
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

fn fill(transaction: &WriteTransaction, is_made_anew: bool) -> Result<(), redb::Error> {
    transaction.open_table(MARKS)?;
    transaction.open_table(NEW_KEYS)?;
    let mut meta = transaction.open_table(META)?;
    if is_made_anew {
        meta.insert(MADE_ANEW, now().as_str())?;
    }
    Ok(())
}

fn is_made_anew(database: &Database) -> Result<bool, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(table) => Ok(table.get(MADE_ANEW)?.is_some()),
        Err(TableError::TableDoesNotExist(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the key of this mark was declared new on its chain.
pub(super) fn is_declared_new(database: &Database, id: &str) -> Result<bool, redb::Error> {
    match database.begin_read()?.open_table(NEW_KEYS) {
        Ok(table) => Ok(table.get(key_of(id))?.is_some()),
        Err(TableError::TableDoesNotExist(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Declares a key new on a chain.
pub(super) fn declare_new(database: &Database, chain: ChainId, key: PublicKeyHash) -> Result<(), Trouble> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.open_table(NEW_KEYS)?.insert(format!("{chain}:{key}").as_str(), now().as_str())?;
    transaction.commit().map_err(|error| in_doubt(&error))
}

fn now() -> String {
    OffsetDateTime::now_utc().truncate_to_second().format(&Rfc3339).unwrap_or_default()
}

/// `<chain>:<public key hash>` of a mark's id.
fn key_of(id: &str) -> &str {
    id.rsplit_once(':').map_or(id, |(key, _)| key)
}

/// Whatever is there under the name of a mark.
pub(super) fn look(database: &Database, id: &str) -> Result<Option<Found>, redb::Error> {
    let table = database.begin_read()?.open_table(MARKS)?;
    Ok(table.get(id)?.map(|value| found(id, value.value())))
}

/// All that can be read, and what cannot. One item that is not a mark does not hide the others.
pub(super) fn list(database: &Database) -> Result<Listing, redb::Error> {
    let table = database.begin_read()?.open_table(MARKS)?;
    let mut listing = Listing::default();
    for item in table.iter()? {
        let (name, value) = item?;
        let name = name.value();
        match (name.parse::<MarkId>(), found(name, value.value())) {
            (Ok(id), Found::Mark(stored)) => listing.marks.push((id, stored.mark)),
            (Ok(_), Found::Unreadable(unreadable)) => listing.unreadable.push(unreadable),
            (Err(why), _) => listing.unreadable.push(unreadable(name, value.value(), why)),
        }
    }
    Ok(listing)
}

fn found(name: &str, value: &[u8]) -> Found {
    match parse(value) {
        Ok(stored) => Found::Mark(stored),
        Err(why) => Found::Unreadable(unreadable(name, value, why.to_string())),
    }
}

fn unreadable(name: &str, value: &[u8], why: String) -> Unreadable {
    let contents = String::from_utf8_lossy(value).into_owned();
    Unreadable { name: name.to_owned(), why, contents, version: version_of_bytes(value) }
}

/// Applies the writes in their order and commits them together. Returns when the disk has them.
pub(super) fn apply(
    file: &OpenFile,
    writes: &[Write],
    purpose: Purpose,
) -> Result<Vec<Result<Version, WriteError>>, Trouble> {
    let mut transaction = file.database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let mut outcomes = Vec::with_capacity(writes.len());
    {
        let mut table = transaction.open_table(MARKS)?;
        for write in writes {
            let stored = table.get(write.id.as_str())?.map(|value| found(&write.id, value.value()));
            let may_be_lost = stored.is_none()
                && purpose == Purpose::Sign
                && file.is_made_anew
                && !is_declared_new(&file.database, &write.id)?;
            outcomes.push(match acceptable(write, stored.as_ref(), may_be_lost, purpose) {
                Ok(value) => {
                    table.insert(write.id.as_str(), value.as_slice())?;
                    Ok(version_of(&write.mark))
                }
                Err(error) => Err(error),
            });
        }
    }
    transaction.commit().map_err(|error| in_doubt(&error))?;
    Ok(outcomes)
}

fn in_doubt(error: &redb::CommitError) -> Trouble {
    Trouble::InDoubt(format!("a write may not be on the disk ({error}); look at the disk, and start the signer again"))
}

/// The bytes of a mark that may be written: the stored one is just the one expected, and lower. What is no mark gives way
/// only to an operator who raises it.
fn acceptable(
    write: &Write,
    stored: Option<&Found>,
    may_be_lost: bool,
    purpose: Purpose,
) -> Result<Vec<u8>, WriteError> {
    let not_written = |why: &str| WriteError::NotWritten(StoreError::new(format!("{}: {why}", write.id)));
    let version = match stored {
        None => None,
        Some(Found::Mark(stored)) => Some(&stored.version),
        Some(Found::Unreadable(unreadable)) if purpose == Purpose::Raise => Some(&unreadable.version),
        Some(Found::Unreadable(unreadable)) => return Err(not_written(&unreadable.why)),
    };
    if version != write.expected.as_ref() {
        return Err(WriteError::Changed);
    }
    if may_be_lost {
        return Err(not_written("it may have been lost with the store that was here before"));
    }
    if matches!(stored, Some(Found::Mark(stored)) if !is_raised_by(&stored.mark, write.mark.position)) {
        return Err(not_written("the mark would not rise"));
    }
    serde_json::to_vec(&write.mark).map_err(|error| not_written(&error.to_string()))
}

/// Every write has an attempt id of its own, so that is the version.
fn version_of(mark: &Mark) -> Version {
    Version(mark.attempt.to_string())
}

/// Of what is not a mark. No attempt id looks like it.
fn version_of_bytes(value: &[u8]) -> Version {
    Version(format!("unreadable:{}", Digest::of(value)))
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
