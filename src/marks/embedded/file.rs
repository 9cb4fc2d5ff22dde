//! Reads and writes of the database in an embedded store's file.

use super::purpose::Purpose;
use crate::marks::{
    Found, KeyStops, Mark, MarkId, Rejection, StoreError, Stored, StoredStops, Unreadable, Version, WriteError,
    key_of_stop_item, may_follow,
};
use crate::tezos::payload::Position;
use crate::tezos::{ChainId, Digest, PublicKeyHash};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Mark id to mark, and `<public key hash>:stop` to the stops of the key, as JSON.
pub(super) const MARKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("marks");

/// Facts about the store itself. Stores of earlier versions lack this table.
pub(super) const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");

/// In [`META`]: when the store was created to replace a lost one.
pub(super) const RECREATED: &str = "made_anew";

/// In [`META`]: 32 random hexadecimal digits that distinguish the store from any other. Stores of earlier versions get them when
/// they are opened next.
pub(super) const ID: &str = "id";

/// `<chain>:<public key hash>` to the time when an operator declared the key new on the chain, in a recreated store.
pub(super) const NEW_KEYS: TableDefinition<'_, &str, &str> = TableDefinition::new("new_keys");

/// In the store of an observer: [`OBSERVED_SINCE`]. No other store has this table, and earlier releases reject a store that has it.
pub(super) const OBSERVER: TableDefinition<'_, &str, &str> = TableDefinition::new("observer");

/// In [`OBSERVER`]: when the store was created.
pub(super) const OBSERVED_SINCE: &str = "since";

/// The marks of tens of keys take a few kilobytes.
const CACHE_BYTES: usize = 1 << 20;

/// A conditional write.
pub(super) struct Write {
    pub(super) id: String,
    pub(super) mark: Mark,
    pub(super) expected: Option<Version>,
}

pub(super) struct OpenFile {
    pub(super) database: Database,
    /// Whether the store replaces a lost one. Never changes.
    pub(super) is_recreated: bool,
    /// The store's [`ID`]. Never changes. `None` in a copy in memory of a store that has none yet.
    pub(super) id: Option<String>,
}

impl OpenFile {
    pub(super) fn new(database: Database) -> Result<Self, redb::Error> {
        let (recreated, id) = (meta(&database, RECREATED)?, meta(&database, ID)?);
        Ok(Self { database, is_recreated: recreated.is_some(), id })
    }
}

/// The true position of a mark and the number of its version, which order its versions; `None` if the value is not a mark.
pub(super) fn order_of(value: &[u8]) -> Option<(Position, u64)> {
    let mark = parse(value).ok()?.mark;
    Some((mark.true_position(), mark.trail.map_or(0, |trail| trail.sequence)))
}

/// Reads a mark. A value that is not a mark is an error of that mark only, not of the file.
pub(super) fn read(database: &Database, id: &str) -> Result<Result<Option<Stored>, StoreError>, redb::Error> {
    Ok(match look(database, id)? {
        None => Ok(None),
        Some(Found::Mark(stored)) => Ok(Some(*stored)),
        Some(Found::Unreadable(unreadable)) => Err(not_a_mark(id, &unreadable)),
    })
}

fn not_a_mark(id: &str, unreadable: &Unreadable) -> StoreError {
    StoreError::NotAMark { id: id.to_owned(), reason: unreadable.reason.clone() }
}

fn meta(database: &Database, name: &str) -> Result<Option<String>, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(table) => Ok(table.get(name)?.map(|value| value.value().to_owned())),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
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

/// Begins a transaction that is on the disk once it is committed. A commit takes two flushes, so that an acknowledged commit
/// that is damaged later is not mistaken for an unfinished one, which would bring lower marks back.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

pub(super) fn now() -> String {
    OffsetDateTime::now_utc().truncate_to_second().format(&Rfc3339).unwrap_or_default()
}

/// `<chain>:<public key hash>` of a mark's id.
fn key_of(id: &str) -> &str {
    id.rsplit_once(':').map_or(id, |(key, _)| key)
}

/// Reads the item under the name of a mark.
pub(super) fn look(database: &Database, id: &str) -> Result<Option<Found>, redb::Error> {
    let table = database.begin_read()?.open_table(MARKS)?;
    Ok(table.get(id)?.map(|value| found(id, value.value())))
}

/// All items of a store.
#[derive(Debug, Default)]
pub struct Listing {
    /// The marks, in the order of chain, key and kind.
    pub marks: Vec<(MarkId, Mark)>,
    /// The stops of keys, in the order of keys.
    pub stops: Vec<(PublicKeyHash, KeyStops)>,
    /// The items that are neither.
    pub unreadable: Vec<Unreadable>,
}

/// Lists all items. One that is not a mark does not hide the others.
pub(super) fn list(database: &Database) -> Result<Listing, redb::Error> {
    let table = database.begin_read()?.open_table(MARKS)?;
    let mut listing = Listing::default();
    for item in table.iter()? {
        let (name, value) = item?;
        let name = name.value();
        if let Some(key) = key_of_stop_item(name) {
            match parse_stops(value.value()) {
                Ok(stored) => listing.stops.push((key, stored.stops)),
                Err(reason) => listing.unreadable.push(unreadable(name, value.value(), reason)),
            }
            continue;
        }
        match (name.parse::<MarkId>(), found(name, value.value())) {
            (Ok(id), Found::Mark(stored)) => listing.marks.push((id, stored.mark)),
            (Ok(_), Found::Unreadable(unreadable)) => listing.unreadable.push(unreadable),
            (Err(reason), _) => listing.unreadable.push(unreadable(name, value.value(), reason.to_string())),
        }
    }
    Ok(listing)
}

fn found(name: &str, value: &[u8]) -> Found {
    match parse(value) {
        Ok(stored) => Found::Mark(Box::new(stored)),
        Err(reason) => Found::Unreadable(unreadable(name, value, reason.to_string())),
    }
}

fn unreadable(name: &str, value: &[u8], reason: String) -> Unreadable {
    let contents = String::from_utf8_lossy(value).into_owned();
    Unreadable { name: name.to_owned(), reason, contents, version: version_of_bytes(value) }
}

/// Applies the writes in order and commits them together. Returns once they are on the disk.
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

/// The bytes of a mark that may be written: the stored mark is the expected one, and lower. An item that is not a mark is
/// replaced only for an operator who raises it.
fn acceptable(
    write: &Write,
    stored: Option<&Found>,
    may_be_lost: bool,
    purpose: Purpose,
) -> Result<Vec<u8>, WriteError> {
    let rejected = |reason| WriteError::NotWritten(StoreError::Rejected { id: write.id.clone(), reason });
    let version = match stored {
        None => None,
        Some(Found::Mark(stored)) => Some(&stored.version),
        Some(Found::Unreadable(unreadable)) if purpose == Purpose::Raise => Some(&unreadable.version),
        Some(Found::Unreadable(unreadable)) => return Err(WriteError::NotWritten(not_a_mark(&write.id, unreadable))),
    };
    if purpose == Purpose::Read {
        return Err(rejected(Rejection::ReadOnly));
    }
    if version != write.expected.as_ref() {
        return Err(WriteError::Changed);
    }
    if may_be_lost {
        return Err(rejected(Rejection::MayBeLost));
    }
    if let Some(Found::Mark(stored)) = stored {
        if !may_follow(&stored.mark, &write.mark) {
            return Err(rejected(Rejection::WouldNotRise));
        }
        if purpose == Purpose::Sign && lifts_a_stop(&stored.mark, &write.mark) {
            return Err(rejected(Rejection::WouldLiftStop));
        }
    }
    serde_json::to_vec(&write.mark).map_err(|error| rejected(Rejection::Encoding(error.to_string())))
}

fn lifts_a_stop(stored: &Mark, new: &Mark) -> bool {
    stored.stops().iter().any(|stop| new.stops().iter().all(|other| other.id != stop.id))
}

/// Reads the stops of a key.
pub(super) fn read_stops(
    database: &Database,
    name: &str,
) -> Result<Result<Option<StoredStops>, StoreError>, redb::Error> {
    let table = database.begin_read()?.open_table(MARKS)?;
    let Some(value) = table.get(name)? else { return Ok(Ok(None)) };
    Ok(parse_stops(value.value()).map(Some).map_err(|reason| StoreError::NotAMark { id: name.to_owned(), reason }))
}

/// Writes the stops of a key if the stored item has the version `expected`. Returns once they are on the disk.
pub(super) fn write_stops(
    database: &Database,
    name: &str,
    stops: &KeyStops,
    expected: Option<&Version>,
    purpose: Purpose,
) -> Result<Result<Version, WriteError>, redb::Error> {
    let rejected = |reason| Ok(Err(WriteError::NotWritten(StoreError::Rejected { id: name.to_owned(), reason })));
    if purpose == Purpose::Read {
        return rejected(Rejection::ReadOnly);
    }
    let bytes = match serde_json::to_vec(stops) {
        Ok(bytes) => bytes,
        Err(error) => return rejected(Rejection::Encoding(error.to_string())),
    };
    let transaction = begin(database)?;
    {
        let mut table = transaction.open_table(MARKS)?;
        let stored = table.get(name)?.map(|value| parse_stops(value.value())).transpose();
        let stored = match stored {
            Ok(stored) => stored,
            Err(reason) => {
                return Ok(Err(WriteError::NotWritten(StoreError::NotAMark { id: name.to_owned(), reason })));
            }
        };
        if stored.as_ref().map(|stored| &stored.version) != expected {
            return Ok(Err(WriteError::Changed));
        }
        let left = |stored: &StoredStops| stored.stops.stops.iter().all(|stop| stops.stops.contains(stop));
        if purpose == Purpose::Sign && !stored.as_ref().is_none_or(left) {
            return rejected(Rejection::WouldLiftStop);
        }
        table.insert(name, bytes.as_slice())?;
    }
    transaction.commit()?;
    Ok(Ok(Version(stops.attempt.to_string())))
}

fn parse_stops(value: &[u8]) -> Result<StoredStops, String> {
    let stops: KeyStops = serde_json::from_slice(value).map_err(|error| error.to_string())?;
    let version = Version(stops.attempt.to_string());
    Ok(StoredStops { stops, version })
}

/// Every write has a unique attempt id, which serves as the version.
fn version_of(mark: &Mark) -> Version {
    Version(mark.attempt.to_string())
}

/// The version of an item that is not a mark. No attempt id looks like it.
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
