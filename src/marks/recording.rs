//! The state machine of one recording: what to do next, after each answer of the store. Pure: the ledger carries it out, and
//! the model checker carries it out in every order.
//!
//! ```text
//! begin ── nothing seen ──────────▶ Read ──▶ decide ◀────────── ReadBack ◀──┐
//!   │                                        │  │                           │ changed, or unknown
//!   ├── seen, and an advance ──▶ decide ─────┤  └─▶ refused, or a repeat    │
//!   └── seen, and a repeat ────▶ Confirm ──▶ refused, or a repeat            │
//!                                                 ▼                              │
//!                                  (Sign, a block, once) ──▶ Write, if still as decided on ──▶ recorded
//! ```
//!
//! If the level is too far above the mark, the key's marks of other kinds are read once before the decision:
//! `ReadOtherKinds`.
//!
//! Before a signature is released for a mark that is not [stoppable](Mark::stoppable), the key's stop item is read: `ReadStops`.
//! The mark exists by then, so either a stopping command has found it, or the stop is found here.

use super::seen::Highest;
use super::subject::{Decision, Foresight, OtherKinds, Subject};
use super::trail::Trail;
use super::{AttemptId, Mark, NotRecorded, NotSafe, Seen, Stop, StoreError, Stored, Version, WriteError, Written};
use crate::tezos::payload::Position;

/// A vote, a block or a raise on its way into the store.
///
/// Safe because every write carries the version of the mark that was decided on, and because a result is created only from a
/// response of the store: it has accepted the write, or it already holds this payload.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recording<S: Subject> {
    subject: S,
    /// The mark to write. A block's signature is added when the vault has returned it.
    mark: Mark,
    signature: Option<S::Signature>,
    /// The mark that was decided on.
    stored: Option<Stored>,
    others: OtherKinds,
    /// The highest mark known when the read in flight began.
    before: Option<Highest>,
    /// The result, and the write that it is based on, while the key's stops are read.
    unreleased: Option<(S::Recorded, AttemptId)>,
}

/// What to do next, in a recording whose result is `R`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<R> {
    /// Read the mark, and pass the answer to [`read`](Recording::read).
    Read,
    /// The same, to find out the outcome of the last write.
    ReadBack,
    /// Read the key's marks of the other kinds, and pass the highest to [`other_kinds`](Recording::other_kinds).
    ReadOtherKinds,
    /// Read the mark that this request repeats, and pass the answer to [`confirmed`](Recording::confirmed). Nothing will be
    /// written, so requests for other positions need not wait.
    Confirm,
    /// Read the key's stop item, and pass the first stop that covers the mark's chain to [`stops`](Recording::stops).
    ReadStops,
    /// Have the vault sign the block, and pass the signature to [`signed`](Recording::signed). Happens at most once.
    Sign,
    /// Write [the mark](Recording::mark) conditionally, and pass the outcome to [`written`](Recording::written).
    Write,
    /// The recording has ended.
    Done(Result<R, NotRecorded>),
}

impl<S: Subject> Recording<S> {
    /// Begins, given what this process has seen of the mark. No other recording has the same `attempt`. Without `written`, the
    /// mark is written without a trail, as the first release did: nothing that is decided depends on either.
    pub fn begin(
        subject: S,
        attempt: AttemptId,
        written: Option<Written>,
        seen: &mut Seen,
    ) -> (Self, Step<S::Recorded>) {
        let foresight = subject.foresee(seen);
        let mut recording = Self {
            mark: subject.mark_over(None, attempt, written),
            subject,
            signature: S::PRESIGNED,
            stored: None,
            others: OtherKinds::NotRead,
            before: seen.highest(),
            unreleased: None,
        };
        let step = match foresight {
            Foresight::Confirm => Step::Confirm,
            Foresight::Read => {
                seen.keep(None);
                Step::Read
            }
            Foresight::Decide => {
                let last = seen.take();
                recording.decide_on(last, seen)
            }
        };
        (recording, step)
    }

    /// The store's answer to [`Step::Read`] or [`Step::ReadBack`].
    pub fn read(&mut self, answer: Result<Option<Stored>, StoreError>, seen: &mut Seen) -> Step<S::Recorded> {
        let mut stored = match answer {
            Ok(stored) => stored,
            Err(error) => return Step::Done(Err(NotRecorded::Store(error))),
        };
        if !S::RESTORES
            && let Err(lost) = seen.note(self.subject.id(), self.before, stored.as_ref())
        {
            return Step::Done(Err(NotRecorded::Lost(lost)));
        }
        // The store's copy does not show that this process has read the stop item since.
        if let (Some(read), Some(known)) = (&mut stored, &self.stored) {
            read.mark.stoppable |= known.mark.stoppable && known.mark.attempt == read.mark.attempt;
        }
        // If our write took effect after all, the request is a repeat of it. If it is still in flight, it fails, since the next
        // write replaces the version that was read here.
        self.decide_on(stored, seen)
    }

    /// The store's answer to [`Step::Confirm`]. Other requests may have raised the mark in the meantime. The answer is then
    /// older than what is known, but it still proves that the mark was stored.
    pub fn confirmed(&mut self, answer: Result<Option<Stored>, StoreError>, seen: &mut Seen) -> Step<S::Recorded> {
        let stored = match answer {
            Ok(stored) => stored,
            Err(error) => return Step::Done(Err(NotRecorded::Store(error))),
        };
        if let Err(lost) = seen.note(self.subject.id(), self.before, stored.as_ref()) {
            return Step::Done(Err(NotRecorded::Lost(lost)));
        }
        match self.subject.decide(stored.as_ref(), self.mark.attempt, OtherKinds::NotRead) {
            Decision::End(verdict) => self.end(verdict, stored, seen),
            // The mark existed before the read, and a lower one would have been noticed.
            Decision::Write | Decision::ReadOtherKinds => {
                seen.keep_if_highest(stored);
                Step::Done(Err(NotRecorded::Store(StoreError::ConfirmedMarkGone)))
            }
        }
    }

    /// The store's answer to [`Step::ReadOtherKinds`]: the highest position, `None` if there are no such marks.
    pub fn other_kinds(&mut self, answer: Result<Option<Position>, StoreError>, seen: &mut Seen) -> Step<S::Recorded> {
        match answer {
            Ok(highest) => {
                self.others = OtherKinds::Highest(highest);
                let stored = self.stored.take();
                self.decide_on(stored, seen)
            }
            Err(error) => Step::Done(Err(NotRecorded::Store(error))),
        }
    }

    /// The vault's answer to [`Step::Sign`].
    pub fn signed(&mut self, signature: S::Signature) -> Step<S::Recorded> {
        self.signature = Some(signature);
        self.mark.signature = S::stored(signature);
        Step::Write
    }

    /// The mark to write, and the version it may replace; `None` if there must be no mark yet.
    pub fn mark(&self) -> (&Mark, Option<&Version>) {
        (&self.mark, self.stored.as_ref().map(|stored| &stored.version))
    }

    /// The outcome of [`Step::Write`].
    pub fn written(&mut self, answer: Result<Version, WriteError>, seen: &mut Seen) -> Step<S::Recorded> {
        match (answer, self.signature) {
            (Ok(version), Some(signature)) => {
                let recorded = self.subject.recorded(signature);
                if S::RESTORES {
                    return Step::Done(Ok(recorded));
                }
                seen.acknowledged(Stored { mark: self.mark.clone(), version });
                if self.mark.stoppable {
                    Step::Done(Ok(recorded))
                } else {
                    self.ask_for_stops(recorded, self.mark.attempt)
                }
            }
            // Nothing is written unsigned. If that ever happened, the stored mark would decide.
            (Ok(_), None) | (Err(WriteError::Changed | WriteError::Unknown(_)), _) => {
                self.before = seen.highest();
                Step::ReadBack
            }
            (Err(WriteError::NotWritten(error)), _) => Step::Done(Err(NotRecorded::Store(error))),
        }
    }

    /// The store's answer to [`Step::ReadStops`]: the first stop that covers the mark's chain.
    pub fn stops(&mut self, answer: Result<Option<Stop>, StoreError>, seen: &mut Seen) -> Step<S::Recorded> {
        let key = self.subject.id().key;
        Step::Done(match (answer, self.unreleased.take()) {
            (Ok(None), Some((recorded, attempt))) => {
                seen.stops_were_read(attempt);
                Ok(recorded)
            }
            // Not reached: the step comes with a result.
            (Ok(None), None) => Err(NotRecorded::Store(StoreError::ConfirmedMarkGone)),
            (Ok(Some(stop)), _) => Err(NotRecorded::NotSafe(NotSafe::Stopped { key, stop: Box::new(stop) })),
            (Err(error), _) => Err(NotRecorded::Store(error)),
        })
    }

    fn decide_on(&mut self, stored: Option<Stored>, seen: &mut Seen) -> Step<S::Recorded> {
        match self.subject.decide(stored.as_ref(), self.mark.attempt, self.others) {
            Decision::Write => {
                self.write_over(stored);
                if self.signature.is_some() { Step::Write } else { Step::Sign }
            }
            Decision::ReadOtherKinds => {
                self.stored = stored;
                Step::ReadOtherKinds
            }
            Decision::End(verdict) => self.end(verdict, stored, seen),
        }
    }

    /// Prepares the mark to write over this one.
    fn write_over(&mut self, stored: Option<Stored>) {
        let before = stored.as_ref().map(|stored| &stored.mark);
        let mut mark = self.subject.mark_over(before, self.mark.attempt, self.mark.written.take());
        mark.signature = mark.signature.or(self.signature.and_then(S::stored));
        if mark.written.is_some() {
            mark.trail = Some(Box::new(Trail::after(self.subject.id(), before, self.subject.entry(before))));
        }
        self.mark = mark;
        self.stored = stored;
    }

    /// Ends with a verdict that was reached on this mark.
    fn end(
        &mut self,
        verdict: Result<S::Recorded, NotRecorded>,
        stored: Option<Stored>,
        seen: &mut Seen,
    ) -> Step<S::Recorded> {
        if S::RESTORES {
            return Step::Done(verdict);
        }
        let attempt = stored.as_ref().map(|stored| stored.mark.attempt);
        let is_stoppable = stored.as_ref().is_some_and(|stored| stored.mark.stoppable);
        let is_stoppable = is_stoppable || attempt.is_some_and(|attempt| seen.is_stoppable(attempt));
        seen.keep_if_highest(stored);
        match (verdict, attempt) {
            (Ok(recorded), Some(attempt)) if !is_stoppable => self.ask_for_stops(recorded, attempt),
            (verdict, _) => Step::Done(verdict),
        }
    }

    fn ask_for_stops(&mut self, recorded: S::Recorded, attempt: AttemptId) -> Step<S::Recorded> {
        self.unreleased = Some((recorded, attempt));
        Step::ReadStops
    }
}

#[cfg(test)]
mod tests;
