//! The contents of a store, read from the bytes of its file and verified. Read-only.

use super::file::{ID, MARKS, META, NEW_KEYS, OBSERVED_SINCE, OBSERVER, RECREATED, builder, now, order_of};
use super::open_error::OpenError;
use crate::marks::StoreRole;
use redb::backends::InMemoryBackend;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, TableError,
    TableHandle, WriteTransaction,
};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The contents of a store, undecoded.
pub(super) struct Contents {
    pub(super) marks: BTreeMap<String, Vec<u8>>,
    pub(super) meta: BTreeMap<String, String>,
    pub(super) new_keys: BTreeMap<String, String>,
    /// Empty, except in the store of an observer.
    pub(super) observer: BTreeMap<String, String>,
}

/// The offset of the flags in redb's file format, and the flag for which of the last two commits is the latest.
const FLAGS: usize = 9;
const SECOND_IS_LAST: u8 = 1;

impl Contents {
    /// Reads and verifies the bytes of a file. After a crash in the middle of a commit, the incomplete commit is skipped.
    ///
    /// No checksum covers the flag for which of the last two commits is the latest, so both are read where possible: of each
    /// mark, the higher one counts.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] or [`OpenError::Newer`]. `path` is only used in these.
    pub(super) fn of(bytes: &[u8], path: &Path) -> Result<Self, OpenError> {
        let mut contents = Self::of_commit(bytes, path)?;
        let mut other = bytes.to_vec();
        if let Some(flags) = other.get_mut(FLAGS) {
            *flags ^= SECOND_IS_LAST;
        }
        if let Ok(other) = Self::of_commit(&other, path) {
            contents.take_higher(other);
        }
        Ok(contents)
    }

    fn of_commit(bytes: &[u8], path: &Path) -> Result<Self, OpenError> {
        // redb must not crash the process on any input.
        let read = catch_unwind(AssertUnwindSafe(|| Self::read(&in_memory(bytes)?)));
        match read {
            Ok(Ok(contents)) => Ok(contents),
            Ok(Err(Unread::Table(table))) => Err(OpenError::Newer { path: path.to_owned(), table }),
            Ok(Err(Unread::Redb(error))) => Err(OpenError::damaged(path, error.to_string())),
            Err(_) => Err(OpenError::damaged(path, "its contents are inconsistent")),
        }
    }

    fn read(database: &Database) -> Result<Self, Unread> {
        let transaction = database.begin_read()?;
        let known = [MARKS.name(), META.name(), NEW_KEYS.name(), OBSERVER.name()];
        if let Some(table) = transaction.list_tables()?.find(|table| !known.contains(&table.name())) {
            return Err(Unread::Table(table.name().to_owned()));
        }
        if let Some(table) = transaction.list_multimap_tables()?.next() {
            return Err(Unread::Table(redb::MultimapTableHandle::name(&table).to_owned()));
        }
        let marks = transaction.open_table(MARKS)?;
        let marks = marks.iter()?.map(|item| item.map(|(id, mark)| (id.value().to_owned(), mark.value().to_vec())));
        let marks = marks.collect::<Result<_, _>>()?;
        Ok(Self {
            marks,
            meta: texts(&transaction, META)?,
            new_keys: texts(&transaction, NEW_KEYS)?,
            observer: texts(&transaction, OBSERVER)?,
        })
    }

    /// The contents of a new store.
    pub(super) fn empty(is_recreated: bool, role: StoreRole) -> Self {
        let recreated = is_recreated.then(|| (RECREATED.to_owned(), now()));
        let observed = (role == StoreRole::Observing).then(|| (OBSERVED_SINCE.to_owned(), now()));
        Self {
            marks: BTreeMap::new(),
            meta: recreated.into_iter().collect(),
            new_keys: BTreeMap::new(),
            observer: observed.into_iter().collect(),
        }
    }

    /// What the store is for.
    pub(super) fn role(&self) -> StoreRole {
        if self.observer.is_empty() { StoreRole::Signing } else { StoreRole::Observing }
    }

    /// Gives the store an [`ID`] if it has none.
    ///
    /// # Errors
    /// If the operating system has no random number.
    pub(super) fn identify(&mut self) -> Result<(), io::Error> {
        if !self.meta.contains_key(ID) {
            let mut id = [0; 16];
            getrandom::fill(&mut id).map_err(|error| io::Error::other(format!("no random number: {error}")))?;
            self.meta.insert(ID.to_owned(), hex::encode(id));
        }
        Ok(())
    }

    /// Writes all items.
    pub(super) fn fill(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let mut marks = transaction.open_table(MARKS)?;
        for (id, mark) in &self.marks {
            marks.insert(id.as_str(), mark.as_slice())?;
        }
        for (name, items) in [(META, &self.meta), (NEW_KEYS, &self.new_keys), (OBSERVER, &self.observer)] {
            if items.is_empty() && name.name() == OBSERVER.name() {
                continue;
            }
            let mut table = transaction.open_table(name)?;
            for (key, value) in items {
                table.insert(key.as_str(), value.as_str())?;
            }
        }
        Ok(())
    }

    /// Facts about the store never change, so those of either commit hold.
    fn take_higher(&mut self, other: Self) {
        for (id, mark) in other.marks {
            let is_lower =
                |here: &Vec<u8>| matches!((order_of(here), order_of(&mark)), (Some(here), Some(there)) if here < there);
            if self.marks.get(&id).is_none_or(is_lower) {
                self.marks.insert(id, mark);
            }
        }
        for (name, value) in other.meta {
            self.meta.entry(name).or_insert(value);
        }
        self.observer.extend(other.observer);
    }
}

/// Opens these bytes as a verified database in memory. Writes are not persisted.
pub(super) fn in_memory(bytes: &[u8]) -> Result<Database, redb::Error> {
    if bytes.is_empty() {
        return Err(redb::Error::Corrupted("the file is empty".to_owned()));
    }
    let memory = InMemoryBackend::new();
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    memory
        .set_len(length)
        .and_then(|()| memory.write(0, bytes))
        .map_err(|error| redb::Error::Corrupted(error.to_string()))?;
    Ok(builder().set_check_integrity_on_open(true).create_with_backend(memory)?)
}

/// The entries of a table of texts. Stores of earlier versions lack some of them.
fn texts(
    transaction: &ReadTransaction,
    table: TableDefinition<'_, &str, &str>,
) -> Result<BTreeMap<String, String>, redb::Error> {
    let table = match transaction.open_table(table) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
        table => table?,
    };
    let items = table.iter()?.map(|item| item.map(|(key, value)| (key.value().to_owned(), value.value().to_owned())));
    Ok(items.collect::<Result<_, _>>()?)
}

enum Unread {
    Redb(redb::Error),
    /// A table of another version.
    Table(String),
}

impl<E: Into<redb::Error>> From<E> for Unread {
    fn from(error: E) -> Self {
        Self::Redb(error.into())
    }
}
