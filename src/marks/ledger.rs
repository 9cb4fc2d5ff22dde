//! Checks requests against the marks in the store and records them, before a signature is released.
//!
//! The decisions are made by [`Recording`], which is pure; this module carries out its steps. One request may take several:
//! read the mark, have the vault sign a block, write the mark conditionally, and read it back if the outcome of the write is
//! unclear. It also remembers what the process has [seen](super::Seen) of each mark, and which marks the store has lost.

mod stops;

pub use stops::KeyStopped;

use super::levels_seen::{LevelSeen, LevelsSeen};
use super::readback::Readback;
use super::slots::Slots;
use super::stops_met::StopsMet;
use super::store_call::StoreCalls;
use super::subject::Subject;
use super::trail::Trail;
use super::{
    AttemptId, BlockRequest, Lost, Mark, MarkId, MarkStore, NotRecorded, NotSafe, Raise, Raised, Recording, Request,
    Safe, Step, Stop, StoreError, Stored, Version, VoteRecorded, VoteRequest, WriteError, WriteNote, WriteObserver,
    Written, decide,
};
use crate::tezos::payload::{Kind, Position};
use crate::tezos::{ChainId, Digest, PublicKeyHash, Signature};
use futures::future::try_join_all;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;
use tokio::time::Instant;

/// Checks and records in one call: whether something may be signed, and that it was.
///
/// Safe with any number of processes on one store, because every decision is made on the version of the mark that the
/// write then replaces. Within a process, requests that may write the same mark wait for each other, and the mark last seen
/// is cached: a request above it costs one conditional write and no read, and one below it is refused at once. The cached mark
/// never permits anything: an advance is decided by the store, and a repeat is read again first, without blocking others.
///
/// A store that holds a lower mark than before, or a different one at the same position, has [lost](Lost) a write that it
/// acknowledged. Nothing is then recorded for that key, on any chain or of any kind, until an operator has raised that mark.
pub struct Ledger {
    store: Arc<dyn MarkStore>,
    instance: String,
    slots: Slots,
    /// For each key, the mark that the store has lost.
    lost: Mutex<HashMap<PublicKeyHash, Lost>>,
    calls: StoreCalls,
    levels_seen: LevelsSeen,
    stops_met: StopsMet,
    conflicts: AtomicU64,
    observer: Option<Arc<dyn WriteObserver>>,
}

impl Ledger {
    /// A ledger of the marks in `store`. Every mark it writes names this `instance`.
    pub fn new(store: Arc<dyn MarkStore>, instance: impl Into<String>) -> Self {
        Self {
            store,
            instance: instance.into(),
            slots: Slots::default(),
            lost: Mutex::default(),
            calls: StoreCalls::default(),
            levels_seen: LevelsSeen::default(),
            stops_met: StopsMet::default(),
            conflicts: AtomicU64::new(0),
            observer: None,
        }
    }

    /// Notifies `observer` of each version that this process writes.
    #[must_use]
    pub fn with_observer(self, observer: Arc<dyn WriteObserver>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Adds chains on which any key may have marks. The number of other chains of a key is limited.
    #[must_use]
    pub fn with_known_chains(self, chains: Vec<ChainId>) -> Self {
        Self { slots: Slots::new(chains), ..self }
    }

    /// Why a request will be refused, if this process already knows. Saves the calls to vault and store; marks only rise, so
    /// what the last one seen forbids, the current one forbids too.
    pub fn foresee_refusal(&self, request: &Request) -> Option<NotSafe> {
        let slot = self.slots.get(&request.id).ok()?;
        let seen = slot.try_lock().ok()?;
        match decide(Some(&seen.last()?.mark), request) {
            // An operator may have raised the mark since, or lifted the stop.
            Ok(Safe::Advance | Safe::Repeat { .. }) | Err(NotSafe::JumpTooFar { .. } | NotSafe::Stopped { .. }) => None,
            Err(not_safe) => Some(not_safe),
        }
    }

    /// The store that holds the marks.
    pub fn store(&self) -> &dyn MarkStore {
        self.store.as_ref()
    }

    /// Records a vote. Once this returns, the store has durably accepted a mark that covers the vote, and a signature of it
    /// may be released.
    ///
    /// # Errors
    /// [`NotRecorded::NotSafe`] if the vote must not be signed; otherwise the store failed.
    pub async fn record_vote(&self, vote: &VoteRequest, deadline: Instant) -> Result<VoteRecorded, NotRecorded> {
        self.record_vote_noting(vote, deadline, &WriteNote::default()).await
    }

    /// The same, and notes whether this call wrote the mark.
    ///
    /// # Errors
    /// As [`record_vote`](Self::record_vote).
    pub async fn record_vote_noting(
        &self,
        vote: &VoteRequest,
        deadline: Instant,
        note: &WriteNote,
    ) -> Result<VoteRecorded, NotRecorded> {
        // The vault signs votes elsewhere, at the same time.
        self.record_and_spread_stops(*vote, deadline, note, async || Ok(())).await
    }

    /// Records a block together with its only signature, and returns the signature that may be released: the one that `sign`
    /// returned, or the stored one, if this very block was signed before, by any process. `sign` is called at most once, and
    /// its signature is dropped if another process was first.
    ///
    /// # Errors
    /// [`NotRecorded::NotSafe`] if the block must not be signed, other [`NotRecorded`] if the store failed; the error of
    /// `sign`, in which case no mark was written.
    pub async fn record_block<E: From<NotRecorded>, F: Future<Output = Result<Signature, E>>>(
        &self,
        block: &BlockRequest,
        deadline: Instant,
        sign: impl Fn() -> F,
    ) -> Result<Signature, E> {
        self.record_block_noting(block, deadline, &WriteNote::default(), sign).await
    }

    /// The same, and notes whether this call wrote the mark.
    ///
    /// # Errors
    /// As [`record_block`](Self::record_block).
    pub async fn record_block_noting<E: From<NotRecorded>, F: Future<Output = Result<Signature, E>>>(
        &self,
        block: &BlockRequest,
        deadline: Instant,
        note: &WriteNote,
        sign: impl Fn() -> F,
    ) -> Result<Signature, E> {
        Ok(self.record_and_spread_stops(*block, deadline, note, sign).await?.release())
    }

    /// Raises a mark by hand, if the target is higher. Also works for a key whose mark the store has lost, and in a recreated
    /// store: it is how an operator recovers from both. A stopped mark stays stopped, and its true position is raised.
    ///
    /// # Errors
    /// [`NotRecorded`] if the store failed.
    pub async fn raise(
        &self,
        id: &MarkId,
        position: Position,
        digest: Option<Digest>,
        signature: Option<Signature>,
        deadline: Instant,
    ) -> Result<Raised, NotRecorded> {
        let raise = Raise::new(*id, position, digest, signature);
        self.record_by_hand(raise, deadline).await
    }

    /// Writes a mark over an item that is not a mark, if that still has the version `unreadable`. The caller must make sure
    /// that this lowers nothing.
    ///
    /// # Errors
    /// [`NotRecorded`] if the store failed, or the item was changed in the meantime.
    pub async fn repair(
        &self,
        id: &MarkId,
        position: Position,
        digest: Option<Digest>,
        signature: Option<Signature>,
        unreadable: &Version,
        deadline: Instant,
    ) -> Result<Raised, NotRecorded> {
        let raise = Raise::new(*id, position, digest, signature);
        let attempt = new_attempt().map_err(NotRecorded::Store)?;
        let mark = raise.mark_over(None, attempt, Some(self.written_by(None)));
        let trail = Trail { has_signed: true, ..Trail::after(id, None, raise.entry(None)) };
        let mark = Mark { trail: Some(Box::new(trail)), ..mark };
        let slot = self.slots.get(id)?;
        let mut seen = slot.lock().await;
        seen.keep(None);
        let failed = match self.write(id, &mark, Some(unreadable), deadline).await {
            Ok(_) => return Ok(Raised::Repaired),
            Err(WriteError::Changed) => StoreError::ChangedMeanwhile,
            Err(WriteError::NotWritten(error)) => error,
            Err(WriteError::Unknown(error)) => match self.read(id, deadline).await {
                Ok(Some(stored)) if stored.mark.attempt == mark.attempt => return Ok(Raised::Repaired),
                _ => error,
            },
        };
        Err(NotRecorded::Store(failed))
    }

    /// Whether the store is ready and the last recent call succeeded.
    pub fn is_answered(&self) -> bool {
        self.store.is_ready() && self.calls.are_answered()
    }

    /// Whether the store has lost a mark of this key, and no operator has raised it since, as far as this process knows.
    pub fn has_lost(&self, key: &PublicKeyHash) -> bool {
        self.lost().contains_key(key)
    }

    /// The levels of all marks that the store holds, as this process last saw them.
    pub fn levels_seen(&self) -> Vec<LevelSeen> {
        self.levels_seen.list()
    }

    /// How many conditional writes another writer has preceded.
    pub fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    /// Records what a signature is released for. If the key is stopped and the mark is not, the stops are written into the mark:
    /// a command that was to do that has not ended yet, or never will.
    async fn record_and_spread_stops<S: Subject, E: From<NotRecorded>, F: Future<Output = Result<S::Signature, E>>>(
        &self,
        subject: S,
        deadline: Instant,
        note: &WriteNote,
        sign: impl Fn() -> F,
    ) -> Result<S::Recorded, E> {
        let (id, mut found) = (*subject.id(), None);
        let recorded = self.record(subject, deadline, note, &mut found, sign).await;
        for stop in found.into_iter().flatten() {
            // If that fails, the next request finds the stop again.
            drop(self.stop(&id, &stop, None, deadline).await);
        }
        recorded
    }

    /// Records what needs no signature, and is not refused because of a stop.
    async fn record_by_hand<S: Subject<Signature = ()>>(
        &self,
        subject: S,
        deadline: Instant,
    ) -> Result<S::Recorded, NotRecorded> {
        self.record(subject, deadline, &WriteNote::default(), &mut None, async || Ok(())).await
    }

    /// Carries out the steps of a [`Recording`], with the slot of the mark locked. Notes whether the mark was written, and sets
    /// `found` if the mark is covered by stops of the key that it lacks.
    async fn record<S: Subject, E: From<NotRecorded>, F: Future<Output = Result<S::Signature, E>>>(
        &self,
        subject: S,
        deadline: Instant,
        note: &WriteNote,
        found: &mut Option<Vec<Stop>>,
        sign: impl Fn() -> F,
    ) -> Result<S::Recorded, E> {
        let id = &subject.id().clone();
        let attempt = new_attempt().map_err(NotRecorded::Store)?;
        if !S::RESTORES {
            self.refuse_if_lost(&id.key, deadline).await?;
        }
        let slot = self.slots.get(id)?;
        let mut seen = slot.lock().await;
        let written = self.written_by(subject.requester());
        let (mut recording, mut step) = Recording::begin(subject, attempt, Some(written), &mut seen);
        let mut readback = Readback::until(deadline);
        loop {
            step = match step {
                Step::Read => recording.read(self.read_to_decide::<S>(id, deadline).await?, &mut seen),
                Step::ReadBack => {
                    readback.pause().await.map_err(NotRecorded::Store)?;
                    let answer = self.read_to_decide::<S>(id, deadline).await?;
                    recording.read(answer.map_err(|error| readback.explain(error)), &mut seen)
                }
                Step::ReadOtherKinds => {
                    recording.other_kinds(self.highest_of_other_kinds(id, deadline).await, &mut seen)
                }
                Step::Confirm => {
                    drop(seen);
                    let answer = self.read(id, deadline).await;
                    seen = slot.lock().await;
                    recording.confirmed(answer, &mut seen)
                }
                Step::ReadStops => {
                    let answer = self.stops_of(&id.key, deadline).await;
                    let covering = answer
                        .map(|item| item.map_or_else(Vec::new, |item| item.covering(id.chain).cloned().collect()));
                    let step = recording.stops(covering.clone().map(|stops| stops.into_iter().next()), &mut seen);
                    *found = covering.ok().filter(|stops| !stops.is_empty());
                    step
                }
                Step::Sign => recording.signed(sign().await?),
                Step::Write => {
                    let (mark, expected) = recording.mark();
                    let answer = self.write(id, mark, expected, deadline).await;
                    if let Err(WriteError::Unknown(error)) = &answer {
                        readback.note(error.clone());
                    }
                    if matches!(answer, Ok(_) | Err(WriteError::Unknown(_))) {
                        note.writes();
                    }
                    recording.written(answer, &mut seen)
                }
                Step::Done(verdict) => {
                    if let Err(NotRecorded::Lost(lost)) = &verdict {
                        self.lost().insert(id.key, *lost);
                    }
                    if !S::RESTORES {
                        self.stops_met.note(id, &verdict);
                    }
                    if let Some(stored) = seen.last().filter(|stored| stored.mark.attempt == attempt) {
                        note.accepted(&stored.mark);
                        if let Some(observer) = &self.observer {
                            observer.written(id, &stored.mark);
                        }
                    }
                    if let Some(position) = seen.highest_position() {
                        self.levels_seen.note(id, position.level);
                    }
                    return Ok(verdict?);
                }
            }
        }
    }

    /// Refuses a key of which the store has lost a mark, until an operator has raised that mark.
    async fn refuse_if_lost(&self, key: &PublicKeyHash, deadline: Instant) -> Result<(), NotRecorded> {
        let Some(lost) = self.lost().get(key).copied() else { return Ok(()) };
        let stored = self.read(&lost.id, deadline).await.map_err(NotRecorded::Store)?;
        if !lost.is_compensated_by(stored.as_ref()) {
            return Err(NotRecorded::Lost(lost));
        }
        let mut all = self.lost();
        if all.get(key) == Some(&lost) {
            all.remove(key);
        }
        Ok(())
    }

    fn lost(&self) -> MutexGuard<'_, HashMap<PublicKeyHash, Lost>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written_by(&self, requester: Option<PublicKeyHash>) -> Written {
        Written { instance: self.instance.clone(), requester, at: OffsetDateTime::now_utc().truncate_to_millisecond() }
    }

    async fn read(&self, id: &MarkId, deadline: Instant) -> Result<Option<Stored>, StoreError> {
        let call = self.calls.begin();
        let answer = self.store.read(id, deadline).await;
        call.ends(answer.is_ok());
        answer
    }

    /// Reads a mark to decide on. An absent mark that may have been lost is refused, unless an operator restores it.
    async fn read_to_decide<S: Subject>(
        &self,
        id: &MarkId,
        deadline: Instant,
    ) -> Result<Result<Option<Stored>, StoreError>, NotRecorded> {
        let answer = self.read(id, deadline).await;
        let is_absent = matches!(answer, Ok(None));
        if !S::RESTORES && is_absent && self.store.may_have_lost(id).await.map_err(NotRecorded::Store)? {
            return Err(NotRecorded::NotSafe(NotSafe::MarkLost { id: *id }));
        }
        Ok(answer)
    }

    /// The highest position of the key's marks of other kinds on the chain.
    async fn highest_of_other_kinds(&self, id: &MarkId, deadline: Instant) -> Result<Option<Position>, StoreError> {
        let others = Kind::ALL.into_iter().filter(|kind| *kind != id.kind).map(|kind| MarkId { kind, ..*id });
        let found = try_join_all(others.map(async |id| self.read(&id, deadline).await)).await?;
        Ok(found.into_iter().flatten().map(|stored| stored.mark.true_position()).max())
    }

    async fn write(
        &self,
        id: &MarkId,
        mark: &Mark,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError> {
        let call = self.calls.begin();
        let answer = self.store.write(id, mark, expected, deadline).await;
        call.ends(matches!(answer, Ok(_) | Err(WriteError::Changed)));
        if matches!(answer, Err(WriteError::Changed)) {
            self.conflicts.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}

fn new_attempt() -> Result<AttemptId, StoreError> {
    AttemptId::random().map_err(StoreError::NoRandomNumber)
}
