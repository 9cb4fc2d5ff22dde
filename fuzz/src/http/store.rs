//! A mark store in memory with faults.

use async_trait::async_trait;
use azurehsm_signer::marks::{KeyStops, Mark, MarkId, MarkStore, StoreError, Stored, StoredStops, Version, WriteError};
use azurehsm_signer::tezos::PublicKeyHash;
pub(super) use memory::Fault;
use memory::MemoryMarks;
use std::sync::Mutex;
use tokio::time::Instant;

#[path = "../../../tests/support/marks.rs"]
#[allow(dead_code, reason = "not every fault is made here")]
mod memory;

/// The tests' store in memory, with a fault at the next call that can have it.
#[derive(Default)]
pub(super) struct FaultyMarks {
    marks: MemoryMarks,
    next: Mutex<Option<Fault>>,
}

impl FaultyMarks {
    /// Sets the next fault, in place of an earlier one.
    pub(super) fn fails_next(&self, fault: Option<Fault>) {
        *self.next.lock().unwrap() = fault;
    }

    pub(super) fn get(&self, id: &MarkId) -> Option<Mark> {
        self.marks.get(id)
    }

    fn inject(&self, is_read: bool) {
        let mut next = self.next.lock().unwrap();
        if let Some(fault) = next.take_if(|fault| (*fault == Fault::ReadFails) == is_read) {
            self.marks.inject(fault);
        }
    }
}

#[async_trait]
impl MarkStore for FaultyMarks {
    async fn read(&self, id: &MarkId, deadline: Instant) -> Result<Option<Stored>, StoreError> {
        self.inject(true);
        self.marks.read(id, deadline).await
    }

    async fn write(
        &self,
        id: &MarkId,
        mark: &Mark,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError> {
        self.inject(false);
        self.marks.write(id, mark, expected, deadline).await
    }

    async fn read_stops(&self, key: &PublicKeyHash, deadline: Instant) -> Result<Option<StoredStops>, StoreError> {
        self.inject(true);
        self.marks.read_stops(key, deadline).await
    }

    async fn write_stops(
        &self,
        key: &PublicKeyHash,
        stops: &KeyStops,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError> {
        self.inject(false);
        self.marks.write_stops(key, stops, expected, deadline).await
    }
}
