//! A mark store in memory with the faults of a network.

use async_trait::async_trait;
use azurehsm_signer::marks::{KeyStops, Mark, MarkId, MarkStore, StoreError, Stored, StoredStops, Version, WriteError};
use azurehsm_signer::tezos::PublicKeyHash;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A fault of the next write, or of the next read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The write is done, but its answer is lost.
    AnswerLost,
    /// The write is lost, and the writer gets no answer.
    WriteLost,
    /// The write is done later, before the next one, and the writer gets no answer.
    WriteLate,
    /// The write is done twice: once normally, and again after it was answered.
    WrittenTwice,
    /// The write is not done, and the writer gets an error.
    WriteRefused,
    /// The next read fails.
    ReadFails,
}

#[derive(Default)]
pub(crate) struct MemoryMarks {
    items: Mutex<HashMap<MarkId, Stored>>,
    stops: Mutex<HashMap<PublicKeyHash, StoredStops>>,
    late: Mutex<Vec<(MarkId, Mark, Option<Version>)>>,
    faults: Mutex<VecDeque<Fault>>,
    versions: AtomicUsize,
    delay: Duration,
    pub(crate) reads: AtomicUsize,
    pub(crate) reads_of_stops: AtomicUsize,
    pub(crate) writes: AtomicUsize,
}

impl MemoryMarks {
    pub(crate) fn with_delay(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    pub(crate) fn inject(&self, fault: Fault) {
        self.faults.lock().unwrap().push_back(fault);
    }

    pub(crate) fn get(&self, id: &MarkId) -> Option<Mark> {
        self.items.lock().unwrap().get(id).map(|stored| stored.mark.clone())
    }

    /// Something that only an operator can do: deletes a mark, or replaces it by an older one.
    pub(crate) fn restore(&self, id: &MarkId, older: Option<Mark>) {
        let mut items = self.items.lock().unwrap();
        let version = Version(self.versions.fetch_add(1, Ordering::Relaxed).to_string());
        match older {
            Some(mark) => drop(items.insert(*id, Stored { mark, version })),
            None => drop(items.remove(id)),
        }
    }

    async fn take_its_time(&self) {
        if self.delay.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(self.delay).await;
        }
    }

    fn do_late_writes(&self) {
        let late: Vec<_> = self.late.lock().unwrap().drain(..).collect();
        for (id, mark, expected) in late {
            drop(self.compare_and_write(&id, &mark, expected.as_ref()));
        }
    }

    fn next_fault(&self, of_reads: bool) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let is_next = faults.front().is_some_and(|fault| (*fault == Fault::ReadFails) == of_reads);
        if is_next { faults.pop_front() } else { None }
    }

    fn compare_and_write(&self, id: &MarkId, mark: &Mark, expected: Option<&Version>) -> Result<Version, WriteError> {
        let mut items = self.items.lock().unwrap();
        if items.get(id).map(|stored| &stored.version) != expected {
            return Err(WriteError::Changed);
        }
        let version = Version(self.versions.fetch_add(1, Ordering::Relaxed).to_string());
        items.insert(*id, Stored { mark: mark.clone(), version: version.clone() });
        Ok(version)
    }
}

#[async_trait]
impl MarkStore for MemoryMarks {
    async fn read(&self, id: &MarkId, _: Instant) -> Result<Option<Stored>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.take_its_time().await;
        if self.next_fault(true).is_some() {
            return Err(StoreError::new("injected"));
        }
        Ok(self.items.lock().unwrap().get(id).cloned())
    }

    async fn write(
        &self,
        id: &MarkId,
        mark: &Mark,
        expected: Option<&Version>,
        _: Instant,
    ) -> Result<Version, WriteError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.take_its_time().await;
        self.do_late_writes();
        let unclear = || Err(WriteError::Unknown(StoreError::new("injected")));
        match self.next_fault(false) {
            Some(Fault::AnswerLost) => self.compare_and_write(id, mark, expected).and_then(|_| unclear()),
            Some(Fault::WriteLost) => unclear(),
            Some(Fault::WriteLate) => {
                self.late.lock().unwrap().push((*id, mark.clone(), expected.cloned()));
                unclear()
            }
            Some(Fault::WrittenTwice) => {
                let written = self.compare_and_write(id, mark, expected);
                self.late.lock().unwrap().push((*id, mark.clone(), expected.cloned()));
                self.do_late_writes();
                written
            }
            Some(Fault::WriteRefused) => Err(WriteError::NotWritten(StoreError::new("injected"))),
            _ => self.compare_and_write(id, mark, expected),
        }
    }

    async fn read_stops(&self, key: &PublicKeyHash, _: Instant) -> Result<Option<StoredStops>, StoreError> {
        self.reads_of_stops.fetch_add(1, Ordering::Relaxed);
        self.take_its_time().await;
        if self.next_fault(true).is_some() {
            return Err(StoreError::new("injected"));
        }
        Ok(self.stops.lock().unwrap().get(key).cloned())
    }

    async fn write_stops(
        &self,
        key: &PublicKeyHash,
        stops: &KeyStops,
        expected: Option<&Version>,
        _: Instant,
    ) -> Result<Version, WriteError> {
        self.take_its_time().await;
        let unclear = || Err(WriteError::Unknown(StoreError::new("injected")));
        let fault = self.next_fault(false);
        match fault {
            Some(Fault::WriteLost) => return unclear(),
            Some(Fault::WriteRefused) => return Err(WriteError::NotWritten(StoreError::new("injected"))),
            _ => {}
        }
        let mut items = self.stops.lock().unwrap();
        if items.get(key).map(|stored| &stored.version) != expected {
            return Err(WriteError::Changed);
        }
        let version = Version(self.versions.fetch_add(1, Ordering::Relaxed).to_string());
        items.insert(*key, StoredStops { stops: stops.clone(), version: version.clone() });
        if fault == Some(Fault::AnswerLost) { unclear() } else { Ok(version) }
    }
}
