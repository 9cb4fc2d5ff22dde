use super::contents::Contents;
use super::owner::Write;
use super::{Listing, Purpose};
use crate::marks::{Found, Mark, MarkId, StoreError, Stored, Unreadable, Version, WriteError, is_raised_by};
use crate::tezos::payload::Position;
use crate::tezos::{ChainId, Digest, PublicKeyHash};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Mark id to mark, as JSON.
pub(super) const MARKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("marks");

/// What is known of the store itself. Stores of earlier versions have no such table.
pub(super) const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");

/// In [`META`], since when: the store was created in the place of one that was lost.
const RECREATED: &str = "made_anew";

/// `<chain>:<public key hash>` to since when: keys that an operator has declared new on a chain, in a store that was
/// recreated.
pub(super) const NEW_KEYS: TableDefinition<'_, &str, &str> = TableDefinition::new("new_keys");

/// Marks of tens of keys take a few kilobytes.
const CACHE_BYTES: usize = 1 << 20;

/// The store's database.
pub(super) struct OpenFile {
    pub(super) database: Database,
    /// Whether it was created in the place of a lost one. That never changes.
    pub(super) is_recreated: bool,
}

impl OpenFile {
    pub(super) fn new(database: Database) -> Result<Self, redb::Error> {
        let is_recreated = is_recreated(&database)?;
        Ok(Self { database, is_recreated })
    }
}

impl Contents {
    /// Those of a new store.
    pub(super) fn empty(is_recreated: bool) -> Self {
        let since = is_recreated.then(|| (RECREATED.to_owned(), now()));
        Self { marks: BTreeMap::new(), meta: since.into_iter().collect(), new_keys: BTreeMap::new() }
    }
}

pub(super) fn fill(transaction: &WriteTransaction, contents: &Contents) -> Result<(), redb::Error> {
    let mut marks = transaction.open_table(MARKS)?;
    for (id, mark) in &contents.marks {
        marks.insert(id.as_str(), mark.as_slice())?;
    }
    for (name, items) in [(META, &contents.meta), (NEW_KEYS, &contents.new_keys)] {
        let mut table = transaction.open_table(name)?;
        for (key, value) in items {
            table.insert(key.as_str(), value.as_str())?;
        }
    }
    Ok(())
}

/// The position of a mark, if this is one.
pub(super) fn position_of(value: &[u8]) -> Option<Position> {
    parse(value).ok().map(|stored| stored.mark.position)
}

/// A mark. A value that is not a mark is not an error of the file.
pub(super) fn read(database: &Database, id: &str) -> Result<Result<Option<Stored>, StoreError>, redb::Error> {
    Ok(match look(database, id)? {
        None => Ok(None),
        Some(Found::Mark(stored)) => Ok(Some(stored)),
        Some(Found::Unreadable(unreadable)) => Err(not_a_mark(id, &unreadable)),
    })
}

fn not_a_mark(id: &str, unreadable: &Unreadable) -> StoreError {
    StoreError::new(format!("{id}: what is stored is not a mark: {}", unreadable.why))
}

fn is_recreated(database: &Database) -> Result<bool, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(table) => Ok(table.get(RECREATED)?.is_some()),
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
pub(super) fn declare_new(database: &Database, chain: ChainId, key: PublicKeyHash) -> Result<(), redb::Error> {
    let transaction = begin(database)?;
    transaction.open_table(NEW_KEYS)?.insert(format!("{chain}:{key}").as_str(), now().as_str())?;
    Ok(transaction.commit()?)
}

/// A transaction that is on the disk once it is committed. It takes two flushes, so that a commit that was acknowledged and
/// is damaged later is not taken for one that was never finished, which would bring lower marks back.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
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
) -> Result<Vec<Result<Version, WriteError>>, redb::Error> {
    let transaction = begin(&file.database)?;
    let mut outcomes = Vec::with_capacity(writes.len());
    {
        let mut table = transaction.open_table(MARKS)?;
        for write in writes {
            let stored = table.get(write.id.as_str())?.map(|value| found(&write.id, value.value()));
            let may_be_lost = stored.is_none()
                && purpose == Purpose::Sign
                && file.is_recreated
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
    transaction.commit()?;
    Ok(outcomes)
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
    if purpose == Purpose::Read {
        return Err(not_written("the store was opened only to be read"));
    }
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

pub(super) fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}
