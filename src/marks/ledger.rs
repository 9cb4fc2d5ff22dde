use super::recording::MOST_UNCLEAR_WRITES;
use super::{
    AttemptId, Mark, MarkId, MarkStore, NotRecorded, NotSafe, Recorded, Recording, Request, Seen, Step, StoreError,
    Stored, Version, WriteError, Written, is_raised_by,
};
use crate::pauses::Pauses;
use crate::tezos::payload::{Kind, Position};
use crate::tezos::{Digest, PublicKeyHash, Signature};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Checks and records, in one call: whether something may be signed, and that it is.
///
/// Safe with any number of processes on one store, because every decision is made on the version of the mark that the
/// write then replaces. Within a process, requests for the same mark wait for each other, and the mark last seen is kept:
/// a request above it costs one conditional write and no read, and one below it is refused at once. The kept mark never
/// permits anything: an advance is decided by the store, and a repeat is read again first.
///
/// A store that holds a lower mark than it once did has lost what it acknowledged: a backup was restored, or a mark changed
/// by hand. Then nothing is recorded, since nobody knows what else was signed.
pub struct Ledger {
    store: Arc<dyn MarkStore>,
    instance: String,
    places: Mutex<HashMap<MarkId, Arc<Place>>>,
    failed: Mutex<Option<Instant>>,
}

type Place = tokio::sync::Mutex<Seen>;

/// Places above this number are dropped when not in use: chain ids come from the callers.
const MOST_PLACES: usize = 4096;

/// How long a failure of the store counts against it, if it is not asked again.
const LATELY: Duration = Duration::from_secs(30);

/// What raising a mark by hand came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// From this position, or from no mark.
    From(Option<Position>),
    /// The mark is here already, at or above what was asked.
    Kept(Position),
}

impl Ledger {
    /// A ledger of the marks in `store`, which writes there that it is this `instance`.
    pub fn new(store: Arc<dyn MarkStore>, instance: impl Into<String>) -> Self {
        Self { store, instance: instance.into(), places: Mutex::default(), failed: Mutex::default() }
    }

    /// Records a vote. Once it returns [`Recorded`], the store has durably accepted a mark that covers the vote, and a
    /// signature of it may be released: also a new one of a repeat, since two signatures of the same vote are no double vote.
    ///
    /// # Errors
    /// [`NotRecorded::NotSafe`] if the vote must not be signed, or is a block; [`NotRecorded::Store`] if the store does not
    /// say.
    pub async fn record_vote(&self, request: &Request) -> Result<Recorded, NotRecorded> {
        if request.id.kind == Kind::Block {
            // A block's mark without its signature would be one that can never be repeated.
            return Err(signature_unknown(request));
        }
        // Votes are signed elsewhere, meanwhile.
        self.record(request, async || Err(NotRecorded::Store(StoreError("a vote has no signature".to_owned())))).await
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
        sign: impl AsyncFnOnce() -> Result<Signature, E>,
    ) -> Result<Signature, E> {
        let recorded = self.record(request, sign).await?;
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
    ) -> Result<Raised, StoreError> {
        let mark = Mark { position, digest, signature, attempt: new_attempt()?, written: Some(self.written_by(None)) };
        let place = self.place(id);
        let mut seen = place.lock().await;
        seen.keep(None);
        let mut from = None;
        let mut unclear = 0;
        let mut pauses = Pauses::new();
        loop {
            let stored = self.read(id).await?;
            match &stored {
                Some(stored) if stored.mark.attempt == mark.attempt => return Ok(Raised::From(from)),
                Some(stored) if !is_raised_by(&stored.mark, position) => {
                    return Ok(Raised::Kept(stored.mark.position));
                }
                _ => from = stored.as_ref().map(|stored| stored.mark.position),
            }
            match self.write(id, &mark, stored.as_ref().map(|stored| &stored.version)).await {
                Ok(_) => return Ok(Raised::From(from)),
                Err(WriteError::Changed) => {}
                Err(WriteError::Unknown(_)) if unclear < MOST_UNCLEAR_WRITES => unclear += 1,
                Err(WriteError::Unknown(error) | WriteError::NotWritten(error)) => return Err(error),
            }
            tokio::time::sleep(pauses.next(None)).await;
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

    /// Does what a [`Recording`] says, with the place of the mark locked.
    async fn record<E: From<NotRecorded>>(
        &self,
        request: &Request,
        sign: impl AsyncFnOnce() -> Result<Signature, E>,
    ) -> Result<Recorded, E> {
        let id = &request.id;
        let attempt = new_attempt().map_err(NotRecorded::Store)?;
        let place = self.place(id);
        let mut seen = place.lock().await;
        let written = self.written_by(request.requester);
        let (mut recording, mut step) = Recording::begin(request, attempt, Some(written), &mut seen);
        let mut sign = Some(sign);
        let mut pauses = None;
        loop {
            step = match step {
                Step::Read => recording.read(self.read(id).await, &mut seen),
                Step::ReadBack => {
                    // The first look is at once; a store in trouble, or another writer, is then left some time.
                    match &mut pauses {
                        None => pauses = Some(Pauses::new()),
                        Some(pauses) => tokio::time::sleep(pauses.next(None)).await,
                    }
                    recording.read(self.read(id).await, &mut seen)
                }
                Step::Sign => match sign.take() {
                    Some(sign) => recording.signed(sign().await?),
                    None => return Err(signature_unknown(request).into()),
                },
                Step::Write => {
                    let (mark, expected) = recording.mark();
                    let answer = self.write(id, mark, expected).await;
                    recording.written(answer, &mut seen)
                }
                Step::Done(verdict) => return Ok(verdict?),
            }
        }
    }

    fn written_by(&self, requester: Option<PublicKeyHash>) -> Written {
        Written { instance: self.instance.clone(), requester, at: OffsetDateTime::now_utc().truncate_to_millisecond() }
    }

    async fn read(&self, id: &MarkId) -> Result<Option<Stored>, StoreError> {
        let asked = Asked::of(self);
        let answer = self.store.read(id).await;
        asked.ends(answer.is_ok());
        answer
    }

    async fn write(&self, id: &MarkId, mark: &Mark, expected: Option<&Version>) -> Result<Version, WriteError> {
        let asked = Asked::of(self);
        let answer = self.store.write(id, mark, expected).await;
        asked.ends(matches!(answer, Ok(_) | Err(WriteError::Changed)));
        answer
    }

    fn place(&self, id: &MarkId) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MOST_PLACES && !places.contains_key(id) {
            places.retain(|_, place| Arc::strong_count(place) > 1);
        }
        Arc::clone(places.entry(*id).or_default())
    }
}

/// A question to the store. One that is given up before there is an answer counts as not answered.
struct Asked<'a> {
    ledger: &'a Ledger,
    answered: bool,
}

impl<'a> Asked<'a> {
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

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.answered {
            *self.ledger.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }
}

fn new_attempt() -> Result<AttemptId, StoreError> {
    AttemptId::random().map_err(|error| StoreError(format!("no random number for a write: {error}")))
}

const fn signature_unknown(request: &Request) -> NotRecorded {
    NotRecorded::NotSafe(NotSafe::SignatureUnknown { requested: request.position })
}
