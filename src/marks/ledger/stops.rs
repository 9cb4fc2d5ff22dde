//! Stops a key, and lifts stops: in the key's stop item, and in its marks. Each method writes one item, conditionally; the order
//! of the writes is the caller's.
//!
//! | to stop a key | to resume it |
//! | --- | --- |
//! | 1. [`stop_key`](Ledger::stop_key) | 1. [`lift`](Ledger::lift), for each mark |
//! | 2. list its marks | 2. [`resume_key`](Ledger::resume_key) |
//! | 3. [`stop`](Ledger::stop), for each mark, also for those that do not exist yet | 3. [`lift`](Ledger::lift) again, for each mark |
//!
//! After the first two steps of a stop, a mark that was not in the list belongs to a process that has not read the stop item yet,
//! and will find the stop before it releases a signature. The third step of a resume is for marks to which a process has
//! written the stop again, since it read the stop item before the second.

use super::{Ledger, new_attempt};
use crate::marks::by_hand::{LiftStops, Lifted, MarkStopped, StopMark};
use crate::marks::stop::{Stop, StopId};
use crate::marks::{KeyStops, MarkId, NotRecorded, StoreError, StoredStops, WriteError};
use crate::net::backoff::Backoff;
use crate::tezos::PublicKeyHash;
use crate::tezos::payload::Position;
use tokio::time::Instant;

/// The result of adding a stop to a key's stop item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStopped {
    /// The item has it now, or had it before.
    Yes,
    /// Nothing was written: an operator has acknowledged its evidence.
    Acknowledged,
}

/// Changes the stop item. Returns `false` if there is nothing to write.
type Change<'a> = &'a (dyn Fn(&mut KeyStops) -> bool + Sync);

impl Ledger {
    /// Stops a mark: no release of this program signs anything for it any more. It is created if it is absent, and raised in the
    /// same write if it is lower than `raise_to`; its true position never falls. Other stops of the mark stay.
    ///
    /// Repeats the write until it is accepted or the deadline passes. Also works for a key of which the store has lost a mark.
    ///
    /// # Errors
    /// [`NotRecorded`] if the store failed. The mark may then be stopped or not.
    pub async fn stop(
        &self,
        id: &MarkId,
        stop: &Stop,
        raise_to: Option<Position>,
        deadline: Instant,
    ) -> Result<MarkStopped, NotRecorded> {
        let stop = StopMark::new(*id, stop.clone(), raise_to);
        self.record_by_hand(stop, deadline).await
    }

    /// Lifts exactly these stops from a mark, and raises it in the same write if it is lower than `raise_to`. Writes nothing if
    /// the mark has any other stop ([`Lifted::OtherStops`]). Without `raise_to`, the mark returns to its true position, with
    /// the digest and signature that it had there.
    ///
    /// # Errors
    /// [`NotRecorded`] if the store failed.
    pub async fn lift(
        &self,
        id: &MarkId,
        stops: &[StopId],
        raise_to: Option<Position>,
        deadline: Instant,
    ) -> Result<Lifted, NotRecorded> {
        let lift = LiftStops::new(*id, stops.to_vec(), raise_to);
        self.record_by_hand(lift, deadline).await
    }

    /// The key's stop item; `None` if the key was never stopped.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stops_of(&self, key: &PublicKeyHash, deadline: Instant) -> Result<Option<KeyStops>, StoreError> {
        Ok(self.read_stops(key, deadline).await?.map(|stored| stored.stops))
    }

    /// Adds a stop to the key's stop item, which is created if it is absent. Repeats the write until it is accepted or the
    /// deadline passes.
    ///
    /// # Errors
    /// [`StoreError`]. The stop may then be in the item or not.
    pub async fn stop_key(
        &self,
        key: &PublicKeyHash,
        stop: &Stop,
        deadline: Instant,
    ) -> Result<KeyStopped, StoreError> {
        let item = self.change_stops(key, deadline, &|item: &mut KeyStops| item.add(stop)).await?;
        Ok(if item.has(stop.id) { KeyStopped::Yes } else { KeyStopped::Acknowledged })
    }

    /// Removes exactly these stops from the key's stop item, and records their evidence as acknowledged. Returns the stops that
    /// are left.
    ///
    /// # Errors
    /// [`StoreError`]. The stops may then be in the item or not.
    pub async fn resume_key(
        &self,
        key: &PublicKeyHash,
        stops: &[StopId],
        deadline: Instant,
    ) -> Result<Vec<Stop>, StoreError> {
        let item = self.change_stops(key, deadline, &|item: &mut KeyStops| item.lift(stops)).await?;
        Ok(item.stops)
    }

    /// Changes the stop item until a write is accepted, or there is nothing to write. Returns the item.
    async fn change_stops(
        &self,
        key: &PublicKeyHash,
        deadline: Instant,
        change: Change<'_>,
    ) -> Result<KeyStops, StoreError> {
        let mut backoff = Backoff::within_a_request();
        let mut last = None;
        loop {
            let stored = self.read_stops(key, deadline).await.map_err(|error| match error {
                StoreError::Deadline { last: None } => StoreError::deadline(last.as_ref()),
                error => error,
            })?;
            let (item, version) = stored.map(|stored| (stored.stops, stored.version)).unzip();
            let attempt = new_attempt()?;
            let mut item = item.unwrap_or_else(|| KeyStops::empty(attempt));
            if !change(&mut item) {
                return Ok(item);
            }
            (item.attempt, item.written) = (attempt, Some(self.written_by(None)));
            let call = self.calls.begin();
            let answer = self.store.write_stops(key, &item, version.as_ref(), deadline).await;
            call.ends(matches!(answer, Ok(_) | Err(WriteError::Changed)));
            match answer {
                Ok(_) => return Ok(item),
                Err(WriteError::NotWritten(error)) => return Err(error),
                // If it was written after all, the next look finds nothing to change.
                Err(WriteError::Unknown(error)) => last = Some(error),
                Err(WriteError::Changed) => {}
            }
            tokio::time::sleep_until(deadline.min(Instant::now() + backoff.pause(None))).await;
            if Instant::now() >= deadline {
                return Err(StoreError::deadline(last.as_ref()));
            }
        }
    }

    async fn read_stops(&self, key: &PublicKeyHash, deadline: Instant) -> Result<Option<StoredStops>, StoreError> {
        let call = self.calls.begin();
        let answer = self.store.read_stops(key, deadline).await;
        call.ends(answer.is_ok());
        answer
    }
}
