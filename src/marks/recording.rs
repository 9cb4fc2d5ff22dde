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

use super::seen::Highest;
use super::subject::{Decision, Foresight, OtherKinds, Subject};
use super::{AttemptId, Mark, NotRecorded, Seen, StoreError, Stored, Version, WriteError, Written};
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
    /// The highest mark known at the beginning.
    before: Option<Highest>,
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
    /// Read the mark that this request repeats, and end with [`confirmed`](Recording::confirmed). Nothing will be written, so
    /// requests for other positions need not wait.
    Confirm,
    /// Have the vault sign the block, and pass the signature to [`signed`](Recording::signed). Happens at most once.
    Sign,
    /// Write [the mark](Recording::mark) conditionally, and pass the outcome to [`written`](Recording::written).
    Write,
    /// The recording has ended.
    Done(Result<R, NotRecorded>),
}

impl<S: Subject> Recording<S> {
    /// Begins, given what this process has seen of the mark. No other recording has the same `attempt`.
    pub fn begin(
        subject: S,
        attempt: AttemptId,
        written: Option<Written>,
        seen: &mut Seen,
    ) -> (Self, Step<S::Recorded>) {
        let foresight = subject.foresee(seen);
        let mut recording = Self {
            mark: subject.mark(attempt, written),
            subject,
            signature: S::PRESIGNED,
            stored: None,
            others: OtherKinds::NotRead,
            before: seen.highest(),
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
        let stored = match answer {
            Ok(stored) => stored,
            Err(error) => return Step::Done(Err(NotRecorded::Store(error))),
        };
        if !S::RESTORES
            && let Err(lost) = seen.note(self.subject.id(), seen.highest(), stored.as_ref())
        {
            return Step::Done(Err(NotRecorded::Lost(lost)));
        }
        // If our write took effect after all, the request is a repeat of it. If it is still in flight, it fails, since the next
        // write replaces the version that was read here.
        self.decide_on(stored, seen)
    }

    /// The store's answer to [`Step::Confirm`]. Other requests may have raised the mark in the meantime. The answer is then
    /// older than what is known, but it still proves that the mark was stored.
    ///
    /// # Errors
    /// [`NotRecorded`].
    pub fn confirmed(
        &self,
        answer: Result<Option<Stored>, StoreError>,
        seen: &mut Seen,
    ) -> Result<S::Recorded, NotRecorded> {
        let stored = answer.map_err(NotRecorded::Store)?;
        seen.note(self.subject.id(), self.before, stored.as_ref()).map_err(NotRecorded::Lost)?;
        let decision = self.subject.clone().decide(stored.as_ref(), self.mark.attempt, OtherKinds::NotRead);
        if seen.is_highest(stored.as_ref()) {
            seen.keep(stored);
        }
        match decision {
            Decision::End(verdict) => verdict,
            // The mark existed before the read, and a lower one would have been noticed.
            Decision::Write | Decision::ReadOtherKinds => Err(NotRecorded::Store(StoreError::ConfirmedMarkGone)),
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
                if !S::RESTORES {
                    seen.acknowledged(Stored { mark: self.mark.clone(), version });
                }
                Step::Done(Ok(self.subject.recorded(signature)))
            }
            // Nothing is written unsigned. If that ever happened, the stored mark would decide.
            (Ok(_), None) | (Err(WriteError::Changed | WriteError::Unknown(_)), _) => Step::ReadBack,
            (Err(WriteError::NotWritten(error)), _) => Step::Done(Err(NotRecorded::Store(error))),
        }
    }

    fn decide_on(&mut self, stored: Option<Stored>, seen: &mut Seen) -> Step<S::Recorded> {
        match self.subject.decide(stored.as_ref(), self.mark.attempt, self.others) {
            Decision::Write => {
                self.stored = stored;
                if self.signature.is_some() { Step::Write } else { Step::Sign }
            }
            Decision::ReadOtherKinds => {
                self.stored = stored;
                Step::ReadOtherKinds
            }
            Decision::End(verdict) => {
                if !S::RESTORES {
                    seen.keep(stored);
                }
                Step::Done(verdict)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::{BlockRecorded, BlockRequest, MarkId, NotSafe, Request, VoteOrBlock, VoteRecorded, VoteRequest};
    use crate::tezos::payload::{Kind, Position};
    use crate::tezos::{Digest, Signature};

    const MADE: Signature = Signature::P256([1; 64]);
    const ELSEWHERE: Signature = Signature::P256([2; 64]);

    fn request(kind: Kind, level: i32) -> Request {
        let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
        Request {
            id: MarkId { chain: "NetXdQprcVkpaWU".parse().unwrap(), key, kind },
            position: Position { level: level.try_into().unwrap(), round: 0.try_into().unwrap() },
            digest: Digest::from_bytes([7; 32]),
            jump_limit: None,
            max_level: None,
            requester: None,
        }
    }

    fn vote(request: &Request, seen: &mut Seen) -> (Recording<VoteRequest>, Step<VoteRecorded>) {
        let VoteOrBlock::Vote(vote) = request.split() else { panic!("not a vote") };
        Recording::begin(vote, AttemptId::random().unwrap(), None, seen)
    }

    fn block(request: &Request, seen: &mut Seen) -> (Recording<BlockRequest>, Step<BlockRecorded>) {
        let VoteOrBlock::Block(block) = request.split() else { panic!("not a block") };
        Recording::begin(block, AttemptId::random().unwrap(), None, seen)
    }

    /// The store's answer after another process has recorded the same request.
    fn recorded_elsewhere(request: &Request) -> Stored {
        let mark = if request.id.kind == Kind::Block {
            let (mut other, _) = block(request, &mut Seen::default());
            other.signed(ELSEWHERE);
            other.mark
        } else {
            vote(request, &mut Seen::default()).0.mark
        };
        Stored { mark, version: version("elsewhere") }
    }

    fn version(text: &str) -> Version {
        Version(text.to_owned())
    }

    fn unknown() -> WriteError {
        WriteError::Unknown(StoreError::new("no answer"))
    }

    #[test]
    fn invariant_1_only_an_answer_of_the_store_records() {
        let (request, mut seen) = (request(Kind::Attestation, 5), Seen::default());
        let (mut recording, step) = vote(&request, &mut seen);
        assert_eq!(step, Step::Read);
        assert_eq!(recording.read(Ok(None), &mut seen), Step::Write);
        assert_eq!(recording.mark().1, None, "expects that there is no mark yet");
        let done = recording.written(Ok(version("1")), &mut seen);
        assert!(matches!(done, Step::Done(Ok(_))));

        // A repeat is known, and still has to be confirmed.
        let (_, step) = vote(&request, &mut seen);
        assert_eq!(step, Step::Confirm);
    }

    #[test]
    fn a_higher_request_replaces_only_the_version_last_seen() {
        let mut seen = Seen::default();
        let (mut first, _) = vote(&request(Kind::Preattestation, 5), &mut seen);
        first.read(Ok(None), &mut seen);
        first.written(Ok(version("1")), &mut seen);
        let (next, step) = vote(&request(Kind::Preattestation, 6), &mut seen);
        assert_eq!((step, next.mark().1), (Step::Write, Some(&version("1"))));
    }

    #[test]
    fn an_unclear_write_is_read_back_first() {
        for answer in [WriteError::Changed, unknown()] {
            let (request, mut seen) = (request(Kind::Attestation, 5), Seen::default());
            let (mut recording, _) = vote(&request, &mut seen);
            recording.read(Ok(None), &mut seen);
            assert_eq!(recording.written(Err(answer), &mut seen), Step::ReadBack);
            assert_eq!(recording.read(Ok(None), &mut seen), Step::Write, "nothing was written");
        }
    }

    #[test]
    fn invariant_4_a_block_is_signed_once_and_released_with_what_the_store_holds() {
        let (request, mut seen) = (request(Kind::Block, 5), Seen::default());
        let (mut recording, _) = block(&request, &mut seen);
        assert_eq!(recording.read(Ok(None), &mut seen), Step::Sign);
        assert_eq!(recording.signed(MADE), Step::Write);
        recording.written(Err(unknown()), &mut seen);
        assert_eq!(recording.read(Ok(None), &mut seen), Step::Write, "not signed again");
        recording.written(Err(WriteError::Changed), &mut seen);
        let Step::Done(Ok(recorded)) = recording.read(Ok(Some(recorded_elsewhere(&request))), &mut seen) else {
            panic!("another process has recorded the same block")
        };
        assert_eq!(recorded.release(), ELSEWHERE, "the new signature is dropped");
    }

    #[test]
    fn a_store_that_lost_a_mark_records_nothing() {
        let (request, mut seen) = (request(Kind::Attestation, 5), Seen::default());
        let (mut recording, _) = vote(&request, &mut seen);
        recording.read(Ok(Some(recorded_elsewhere(&request))), &mut seen);
        let (again, step) = vote(&request, &mut seen);
        assert_eq!(step, Step::Confirm);
        assert!(matches!(again.confirmed(Ok(None), &mut seen), Err(NotRecorded::Lost(_))));

        let mut other = recorded_elsewhere(&request);
        other.mark.digest = Some(Digest::from_bytes([8; 32]));
        assert!(matches!(again.confirmed(Ok(Some(other)), &mut seen), Err(NotRecorded::Lost(_))), "another write");
    }

    #[test]
    fn a_repeat_is_confirmed_by_a_read_that_another_request_has_overtaken() {
        let (first, mut seen) = (request(Kind::Attestation, 5), Seen::default());
        let stored = recorded_elsewhere(&first);
        vote(&first, &mut seen).0.read(Ok(Some(stored.clone())), &mut seen);
        let (repeat, _) = vote(&first, &mut seen);

        let (mut next, step) = vote(&request(Kind::Attestation, 6), &mut seen);
        assert_eq!(step, Step::Write);
        assert!(matches!(next.written(Ok(version("6")), &mut seen), Step::Done(Ok(_))));
        assert!(repeat.confirmed(Ok(Some(stored)), &mut seen).is_ok());

        let (above, step) = vote(&request(Kind::Attestation, 7), &mut seen);
        assert_eq!((step, above.mark().1), (Step::Write, Some(&version("6"))), "the newer mark is kept");
    }

    /// A baker that votes at every level, and baked its last block long ago.
    #[test]
    fn other_kinds_are_read_once_and_only_if_the_limit_would_refuse() {
        let far = Request { jump_limit: Some(100), ..request(Kind::Block, 1000) };
        let position = |level| Some(request(Kind::Block, level).position);
        let old = recorded_elsewhere(&request(Kind::Block, 5));
        for (others, expected) in [
            (position(999), Step::Sign),
            (position(7), Step::Done(Err(too_far(&far, 7)))),
            (None, Step::Done(Err(too_far(&far, 5)))),
        ] {
            let mut seen = Seen::default();
            let (mut recording, _) = block(&far, &mut seen);
            assert_eq!(recording.read(Ok(Some(old.clone())), &mut seen), Step::ReadOtherKinds);
            assert_eq!(recording.other_kinds(Ok(others), &mut seen), expected, "{others:?}");
        }
        let mut seen = Seen::default();
        let (mut recording, _) = block(&far, &mut seen);
        recording.read(Ok(Some(old.clone())), &mut seen);
        recording.other_kinds(Ok(position(999)), &mut seen);
        assert_eq!(recording.signed(MADE), Step::Write);
        assert_eq!(recording.mark().1, Some(&old.version), "the version of the same kind");
        recording.written(Err(WriteError::Changed), &mut seen);
        assert_eq!(recording.read(Ok(Some(old.clone())), &mut seen), Step::Write, "they are not read again");

        let (mut recording, _) = block(&far, &mut Seen::default());
        recording.read(Ok(Some(old)), &mut seen);
        let failed = recording.other_kinds(Err(StoreError::new("no answer")), &mut seen);
        assert!(matches!(failed, Step::Done(Err(NotRecorded::Store(_)))), "{failed:?}");

        let near = Request { jump_limit: Some(100), ..request(Kind::Block, 100) };
        let (mut recording, _) = block(&near, &mut Seen::default());
        assert_eq!(recording.read(Ok(None), &mut Seen::default()), Step::Sign);
    }

    fn too_far(request: &Request, mark: i32) -> NotRecorded {
        NotRecorded::NotSafe(NotSafe::JumpTooFar {
            kind: request.id.kind,
            requested: request.position,
            mark: Position { level: mark.try_into().unwrap(), round: 0.try_into().unwrap() },
            limit: 100,
        })
    }
}
