use super::slots::Slots;
use super::{
    AttemptId, Lost, Mark, MarkId, MarkStore, NotRecorded, NotSafe, Recorded, Recording, Request, Safe, Step,
    StoreError, Stored, Version, WriteError, Written, decide, is_raised_by,
};
use crate::net::backoff::Backoff;
use crate::tezos::payload::{Kind, Position};
use crate::tezos::{ChainId, Digest, PublicKeyHash, Signature};
use futures::future::try_join_all;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

/// Checks and records, in one call: whether something may be signed, and that it is.
///
/// Safe with any number of processes on one store, because every decision is made on the version of the mark that the
/// write then replaces. Within a process, requests that may write the same mark wait for each other, and the mark last seen is
/// kept: a request above it costs one conditional write and no read, and one below it is refused at once. The kept mark never
/// permits anything: an advance is decided by the store, and a repeat is read again first, which holds up nobody else.
///
/// A store that holds a lower mark than it once did, or another one at the same position, has [lost](Lost) what it acknowledged.
/// Then nothing is recorded for that key, whatever the chain and kind, until an operator has raised that mark.
pub struct Ledger {
    store: Arc<dyn MarkStore>,
    instance: String,
    slots: Slots,
    /// For each key, the mark that the store has lost.
    lost: Mutex<HashMap<PublicKeyHash, Lost>>,
    failed: Mutex<Option<Instant>>,
}

/// How long a failure of the store counts against it, if it is not asked again.
const LATELY: Duration = Duration::from_secs(30);

/// What raising a mark by hand came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// From this position, or from no mark.
    From(Option<Position>),
    /// The mark is here already, at or above what was asked.
    Kept(Position),
    /// In the slot of something that was not a mark.
    Repaired,
}

impl Ledger {
    /// A ledger of the marks in `store`, which writes there that it is this `instance`.
    pub fn new(store: Arc<dyn MarkStore>, instance: impl Into<String>) -> Self {
        Self {
            store,
            instance: instance.into(),
            slots: Slots::default(),
            lost: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// The same, with chains on which any key may have marks. On others, the number of chains is limited.
    #[must_use]
    pub fn with_known_chains(self, chains: Vec<ChainId>) -> Self {
        Self { slots: Slots::new(chains), ..self }
    }

    /// Why a request will be refused, if what the process remembers is enough to tell. Saves the calls of vault and store;
    /// marks only rise, so what the last one seen forbids, today's forbids too.
    pub fn foresee_refusal(&self, request: &Request) -> Option<NotSafe> {
        let slot = self.slots.get(&request.id).ok()?;
        let seen = slot.try_lock().ok()?;
        match decide(Some(&seen.last()?.mark), request) {
            // An operator may have raised the mark since.
            Ok(Safe::Advance | Safe::Repeat { .. }) | Err(NotSafe::JumpTooFar { .. }) => None,
            Err(not_safe) => Some(not_safe),
        }
    }

    /// The store.
    pub fn store(&self) -> &dyn MarkStore {
        self.store.as_ref()
    }

    /// Records a vote. Once it returns [`Recorded`], the store has durably accepted a mark that covers the vote, and a
    /// signature of it may be released: also a new one of a repeat, since two signatures of the same vote are no double vote.
    ///
    /// # Errors
    /// [`NotRecorded::NotSafe`] if the vote must not be signed, or is a block; [`NotRecorded::Store`] if the store does not
    /// say.
    pub async fn record_vote(&self, request: &Request, deadline: Instant) -> Result<Recorded, NotRecorded> {
        if request.id.kind == Kind::Block {
            // A block's mark without its signature would be one that can never be repeated.
            return Err(signature_unknown(request));
        }
        // Votes are signed elsewhere, meanwhile.
        let no_signature = async || Err(NotRecorded::Store(StoreError::new("a vote has no signature")));
        self.record(request, deadline, no_signature).await
    }

    /// Records a block with its one signature, and returns the signature that may be released: the one that `sign`
    /// makes, or the stored one, if this very block was signed before, by whichever process. `sign` is called at most
    /// once, and what it made is lost if another process was first.
    ///
    /// # Errors
    /// [`NotRecorded::NotSafe`] if the block must not be signed, [`NotRecorded::Store`] if the store does not say; that of
    /// `sign`, if it failed, in which case no mark was written.
    pub async fn record_block<E: From<NotRecorded>>(
        &self,
        request: &Request,
        deadline: Instant,
        sign: impl AsyncFnOnce() -> Result<Signature, E>,
    ) -> Result<Signature, E> {
        let recorded = self.record(request, deadline, sign).await?;
        recorded.release_block().ok_or_else(|| signature_unknown(request).into())
    }

    /// Raises a mark to one from elsewhere, if that is higher.
    ///
    /// # Errors
    /// [`StoreError`] if the store does not say.
    pub async fn raise(
        &self,
        id: &MarkId,
        position: Position,
        digest: Option<Digest>,
        signature: Option<Signature>,
        deadline: Instant,
    ) -> Result<Raised, StoreError> {
        let mark = Mark { position, digest, signature, attempt: new_attempt()?, written: Some(self.written_by(None)) };
        let slot = self.slots.get(id).map_err(|error| StoreError::new(error.to_string()))?;
        let mut seen = slot.lock().await;
        seen.keep(None);
        let mut from = None;
        let mut look_again = LookAgain::until(deadline);
        loop {
            look_again.pause().await?;
            let stored = self.read(id, deadline).await.map_err(|error| look_again.explain(error))?;
            match &stored {
                Some(stored) if stored.mark.attempt == mark.attempt => return Ok(Raised::From(from)),
                Some(stored) if !is_raised_by(&stored.mark, position) => {
                    return Ok(Raised::Kept(stored.mark.position));
                }
                _ => from = stored.as_ref().map(|stored| stored.mark.position),
            }
            match self.write(id, &mark, stored.as_ref().map(|stored| &stored.version), deadline).await {
                Ok(_) => return Ok(Raised::From(from)),
                Err(WriteError::Changed) => {}
                Err(WriteError::Unknown(error)) => look_again.note(error),
                Err(WriteError::NotWritten(error)) => return Err(error),
            }
        }
    }

    /// Puts a mark in the slot of something that is not a mark, if that still has the version `unreadable`. The caller has
    /// made sure that nothing is lowered by it.
    ///
    /// # Errors
    /// [`StoreError`] if the store does not say, or the item was changed meanwhile.
    pub async fn repair(
        &self,
        id: &MarkId,
        position: Position,
        digest: Option<Digest>,
        signature: Option<Signature>,
        unreadable: &Version,
        deadline: Instant,
    ) -> Result<Raised, StoreError> {
        let mark = Mark { position, digest, signature, attempt: new_attempt()?, written: Some(self.written_by(None)) };
        let slot = self.slots.get(id).map_err(|error| StoreError::new(error.to_string()))?;
        let mut seen = slot.lock().await;
        seen.keep(None);
        match self.write(id, &mark, Some(unreadable), deadline).await {
            Ok(_) => Ok(Raised::Repaired),
            Err(WriteError::Changed) => Err(StoreError::new("it was changed by another writer meanwhile")),
            Err(WriteError::NotWritten(error)) => Err(error),
            Err(WriteError::Unknown(error)) => match self.read(id, deadline).await {
                Ok(Some(stored)) if stored.mark.attempt == mark.attempt => Ok(Raised::Repaired),
                _ => Err(error),
            },
        }
    }

    /// Whether the store is open, and has answered what it was lately asked last.
    pub fn is_answered(&self) -> bool {
        if !self.store.is_ready() {
            return false;
        }
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_none_or(|failed| failed.elapsed() > LATELY)
    }

    /// Does what a [`Recording`] says, with the slot of the mark locked.
    async fn record<E: From<NotRecorded>>(
        &self,
        request: &Request,
        deadline: Instant,
        sign: impl AsyncFnOnce() -> Result<Signature, E>,
    ) -> Result<Recorded, E> {
        let id = &request.id;
        let attempt = new_attempt().map_err(NotRecorded::Store)?;
        self.look_at_what_was_lost(&id.key, deadline).await?;
        let slot = self.slots.get(id)?;
        let mut seen = slot.lock().await;
        let written = self.written_by(request.requester);
        let (mut recording, mut step) = Recording::begin(request, attempt, Some(written), &mut seen);
        let mut sign = Some(sign);
        let mut look_again = LookAgain::until(deadline);
        loop {
            step = match step {
                Step::Read => recording.read(self.read_to_decide(id, deadline).await?, &mut seen),
                Step::ReadBack => {
                    look_again.pause().await.map_err(NotRecorded::Store)?;
                    let answer = self.read_to_decide(id, deadline).await?;
                    recording.read(answer.map_err(|error| look_again.explain(error)), &mut seen)
                }
                Step::ReadOtherKinds => {
                    recording.other_kinds(self.highest_of_other_kinds(id, deadline).await, &mut seen)
                }
                Step::Confirm => {
                    drop(seen);
                    let answer = self.read(id, deadline).await;
                    seen = slot.lock().await;
                    Step::Done(recording.confirmed(answer, &mut seen))
                }
                Step::Sign => match sign.take() {
                    Some(sign) => recording.signed(sign().await?),
                    None => return Err(signature_unknown(request).into()),
                },
                Step::Write => {
                    let (mark, expected) = recording.mark();
                    let answer = self.write(id, mark, expected, deadline).await;
                    if let Err(WriteError::Unknown(error)) = &answer {
                        look_again.note(error.clone());
                    }
                    recording.written(answer, &mut seen)
                }
                Step::Done(verdict) => {
                    if let Err(NotRecorded::Lost(lost)) = &verdict {
                        self.lost().insert(id.key, *lost);
                    }
                    return Ok(verdict?);
                }
            }
        }
    }

    /// A key of which the store has lost a mark is not signed with before an operator has raised that mark.
    async fn look_at_what_was_lost(&self, key: &PublicKeyHash, deadline: Instant) -> Result<(), NotRecorded> {
        let Some(lost) = self.lost().get(key).copied() else { return Ok(()) };
        let stored = self.read(&lost.id, deadline).await.map_err(NotRecorded::Store)?;
        if !lost.is_made_up_for_by(stored.as_ref()) {
            return Err(NotRecorded::Lost(lost));
        }
        self.lost().remove(key);
        Ok(())
    }

    fn lost(&self) -> MutexGuard<'_, HashMap<PublicKeyHash, Lost>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written_by(&self, requester: Option<PublicKeyHash>) -> Written {
        Written { instance: self.instance.clone(), requester, at: OffsetDateTime::now_utc().truncate_to_millisecond() }
    }

    async fn read(&self, id: &MarkId, deadline: Instant) -> Result<Option<Stored>, StoreError> {
        let asked = StoreCall::of(self);
        let answer = self.store.read(id, deadline).await;
        asked.ends(answer.is_ok());
        answer
    }

    /// What the store says of a mark that is to be decided on. A mark that may have been lost is not taken for none.
    async fn read_to_decide(
        &self,
        id: &MarkId,
        deadline: Instant,
    ) -> Result<Result<Option<Stored>, StoreError>, NotRecorded> {
        let answer = self.read(id, deadline).await;
        if matches!(answer, Ok(None)) && self.store.may_have_lost(id).await.map_err(NotRecorded::Store)? {
            return Err(NotRecorded::NotSafe(NotSafe::MarkLost { id: *id }));
        }
        Ok(answer)
    }

    /// The highest position of the key's marks on the chain, but for those of this kind.
    async fn highest_of_other_kinds(&self, id: &MarkId, deadline: Instant) -> Result<Option<Position>, StoreError> {
        let others = Kind::ALL.into_iter().filter(|kind| *kind != id.kind).map(|kind| MarkId { kind, ..*id });
        let found = try_join_all(others.map(async |id| self.read(&id, deadline).await)).await?;
        Ok(found.into_iter().flatten().map(|stored| stored.mark.position).max())
    }

    async fn write(
        &self,
        id: &MarkId,
        mark: &Mark,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError> {
        let asked = StoreCall::of(self);
        let answer = self.store.write(id, mark, expected, deadline).await;
        asked.ends(matches!(answer, Ok(_) | Err(WriteError::Changed)));
        answer
    }
}

/// Looks for what became of a write until the deadline: at once the first time, then after pauses, which a store in trouble
/// or another writer is given.
struct LookAgain {
    deadline: Instant,
    backoff: Option<Backoff>,
    /// Why the last write was unclear.
    last: Option<StoreError>,
}

impl LookAgain {
    const fn until(deadline: Instant) -> Self {
        Self { deadline, backoff: None, last: None }
    }

    /// A write was unclear. That the deadline has come says less than what was wrong before.
    fn note(&mut self, error: StoreError) {
        if error != StoreError::deadline(None) {
            self.last = Some(error);
        }
    }

    async fn pause(&mut self) -> Result<(), StoreError> {
        match &mut self.backoff {
            None => self.backoff = Some(Backoff::within_a_request()),
            Some(backoff) => {
                tokio::time::sleep_until(self.deadline.min(Instant::now() + backoff.pause(None))).await;
            }
        }
        if Instant::now() < self.deadline { Ok(()) } else { Err(StoreError::deadline(self.last.as_ref())) }
    }

    /// The deadline came while it was looked for: then what was wrong with the write says more.
    fn explain(&self, error: StoreError) -> StoreError {
        match &self.last {
            Some(last) if error == StoreError::deadline(None) => StoreError::deadline(Some(last)),
            _ => error,
        }
    }
}

/// A question to the store. One that is given up before there is an answer counts as not answered.
struct StoreCall<'a> {
    ledger: &'a Ledger,
    answered: bool,
}

impl<'a> StoreCall<'a> {
    const fn of(ledger: &'a Ledger) -> Self {
        Self { ledger, answered: false }
    }

    fn ends(mut self, answered: bool) {
        self.answered = answered;
        if answered {
            *self.ledger.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

impl Drop for StoreCall<'_> {
    fn drop(&mut self) {
        if !self.answered {
            *self.ledger.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }
}

fn new_attempt() -> Result<AttemptId, StoreError> {
    AttemptId::random().map_err(|error| StoreError::new(format!("no random number for a write: {error}")))
}

const fn signature_unknown(request: &Request) -> NotRecorded {
    NotRecorded::NotSafe(NotSafe::SignatureUnknown { requested: request.position })
}
