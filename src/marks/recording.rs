//! One request on its way into the store: what to do next, after each answer. Pure: the ledger does what it says, and the
//! model checker does it in every order.
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
//! Where the level is too far above the mark, the key's marks of other kinds are read once before it is decided:
//! `ReadOtherKinds`.

use super::rule::{decide, decide_among, depends_on_other_kinds};
use super::seen::Highest;
use super::{AttemptId, Lost, Mark, NotSafe, Request, Safe, Seen, StoreError, Stored, Version, WriteError, Written};
use crate::tezos::Signature;
use crate::tezos::payload::{Kind, Position};
use thiserror::Error;

/// A request on its way into the store.
///
/// Safe because every write carries the version of the very mark that the rule has decided on, and because nothing but the
/// store's own word makes [`Recorded`]: that it has accepted the write, or that it holds this very payload already.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recording {
    request: Request,
    /// What is to be written. The signature of a block is added when it is made.
    mark: Mark,
    /// What the rule has decided on.
    stored: Option<Stored>,
    others: OtherKinds,
    /// The highest mark that was known when it began.
    before: Option<Highest>,
}

/// The key's marks of other kinds on the same chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum OtherKinds {
    /// They did not matter so far.
    NotRead,
    /// The highest of them. They only rise, so what was read once still holds.
    Highest(Option<Position>),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask the store for the mark, and [tell what it said](Recording::read).
    Read,
    /// The same, to find out what became of the last write.
    ReadBack,
    /// Ask the store for the key's marks of the other kinds, and [tell which is the highest](Recording::other_kinds).
    ReadOtherKinds,
    /// Ask the store whether it still holds the mark that this request repeats, and [end with the answer](Recording::confirmed).
    /// Nothing will be written, so requests for other positions need not wait for it.
    Confirm,
    /// Have the block signed, and [hand the signature over](Recording::signed). Asked for at most once, and never for a vote.
    Sign,
    /// Write [the mark](Recording::mark) on condition, and [tell what became of it](Recording::written).
    Write,
    /// Nothing: this is the end.
    Done(Result<Recorded, NotRecorded>),
}

/// The store's word that it holds a mark which covers the request. Nothing is released without one, and it is made nowhere
/// but in this file.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Recorded {
    signature: Option<Signature>,
}

impl Recorded {
    /// The signature of a vote that may be released now: `made`, the one that the vault made meanwhile.
    pub const fn release_vote(self, made: Signature) -> Signature {
        made
    }

    /// The one signature of a block that may be released, now and ever: the one that the store holds, whoever made it.
    pub const fn release_block(self) -> Option<Signature> {
        self.signature
    }
}

/// Why nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotRecorded {
    /// It must not be signed.
    #[error(transparent)]
    NotSafe(NotSafe),
    /// The store did not answer, or not usefully.
    #[error(transparent)]
    Store(StoreError),
    /// The store has lost a mark of the key.
    #[error(transparent)]
    Lost(Lost),
    /// The key has been used on too many chains that nobody knows.
    #[error(
        "this key has marks on {limit} unknown chains in this process already: name its chains in the policy, and start \
         the signer again"
    )]
    TooManyChains {
        /// How many are allowed.
        limit: usize,
    },
}

impl Recording {
    /// Begins, with what the process has seen of the mark. `attempt` is no other request's.
    pub fn begin(request: &Request, attempt: AttemptId, written: Option<Written>, seen: &mut Seen) -> (Self, Step) {
        let mark = Mark { position: request.position, digest: Some(request.digest), signature: None, attempt, written };
        let mut recording =
            Self { request: *request, mark, stored: None, others: OtherKinds::NotRead, before: seen.highest() };
        let step = match seen.last().map(|last| decide(Some(&last.mark), request)) {
            // Only the store can say that something is a repeat.
            Some(Ok(Safe::Repeat { .. })) => Step::Confirm,
            // An operator may have raised the mark since.
            Some(Err(NotSafe::JumpTooFar { .. })) | None => {
                seen.keep(None);
                Step::Read
            }
            // An advance is for the store to accept. And marks only rise: what the last one seen forbids, today's forbids too.
            Some(Ok(Safe::Advance) | Err(_)) => {
                let last = seen.take();
                recording.decided_on(last, seen)
            }
        };
        (recording, step)
    }

    /// What the store said when it was asked for the mark.
    pub fn read(&mut self, answer: Result<Option<Stored>, StoreError>, seen: &mut Seen) -> Step {
        let stored = match answer {
            Ok(stored) => stored,
            Err(error) => return Step::Done(Err(NotRecorded::Store(error))),
        };
        match seen.note(&self.request.id, seen.highest(), stored.as_ref()) {
            // If our write was done after all, the request is a repeat of it. If the write is still on its way, it loses
            // against the next one, which replaces the version that was read here.
            Ok(()) => self.decided_on(stored, seen),
            Err(lost) => Step::Done(Err(NotRecorded::Lost(lost))),
        }
    }

    /// What the store answered when it was asked to confirm a repeat. Meanwhile other requests may have raised the mark: what
    /// was read is then older than what is known, but it is the store's word all the same.
    ///
    /// # Errors
    /// [`NotRecorded`].
    pub fn confirmed(
        &self,
        answer: Result<Option<Stored>, StoreError>,
        seen: &mut Seen,
    ) -> Result<Recorded, NotRecorded> {
        let stored = answer.map_err(NotRecorded::Store)?;
        seen.note(&self.request.id, self.before, stored.as_ref()).map_err(NotRecorded::Lost)?;
        let verdict = decide(stored.as_ref().map(|stored| &stored.mark), &self.request);
        if seen.is_highest(stored.as_ref()) {
            seen.keep(stored);
        }
        match verdict {
            Ok(Safe::Repeat { signature }) => Ok(Recorded { signature }),
            Err(not_safe) => Err(NotRecorded::NotSafe(not_safe)),
            // The mark was there before the read, and a lower one would have been noticed.
            Ok(Safe::Advance) => Err(NotRecorded::Store(StoreError::new("the mark that was to be confirmed is gone"))),
        }
    }

    /// What the store said when it was asked for the marks of the other kinds: the highest position, if there is any mark.
    pub fn other_kinds(&mut self, answer: Result<Option<Position>, StoreError>, seen: &mut Seen) -> Step {
        match answer {
            Ok(highest) => {
                self.others = OtherKinds::Highest(highest);
                let stored = self.stored.take();
                self.decided_on(stored, seen)
            }
            Err(error) => Step::Done(Err(NotRecorded::Store(error))),
        }
    }

    /// The signature of the block.
    pub const fn signed(&mut self, signature: Signature) -> Step {
        self.mark.signature = Some(signature);
        Step::Write
    }

    /// The mark to write, and the version that it may replace: none, if there must not be a mark yet.
    pub fn mark(&self) -> (&Mark, Option<&Version>) {
        (&self.mark, self.stored.as_ref().map(|stored| &stored.version))
    }

    /// What became of the write.
    pub fn written(&mut self, answer: Result<Version, WriteError>, seen: &mut Seen) -> Step {
        match answer {
            Ok(version) => {
                seen.acknowledged(Stored { mark: self.mark.clone(), version });
                Step::Done(Ok(Recorded { signature: self.mark.signature }))
            }
            Err(WriteError::Changed | WriteError::Unknown(_)) => Step::ReadBack,
            Err(WriteError::NotWritten(error)) => Step::Done(Err(NotRecorded::Store(error))),
        }
    }

    fn decided_on(&mut self, stored: Option<Stored>, seen: &mut Seen) -> Step {
        let mark = stored.as_ref().map(|stored| &stored.mark);
        let others = match self.others {
            OtherKinds::NotRead if depends_on_other_kinds(mark, &self.request) => {
                self.stored = stored;
                return Step::ReadOtherKinds;
            }
            OtherKinds::NotRead => None,
            OtherKinds::Highest(highest) => highest,
        };
        match decide_among(mark, others, &self.request) {
            Ok(Safe::Advance) => {
                self.stored = stored;
                let is_to_be_signed = self.request.id.kind == Kind::Block && self.mark.signature.is_none();
                if is_to_be_signed { Step::Sign } else { Step::Write }
            }
            Ok(Safe::Repeat { signature }) => {
                seen.keep(stored);
                Step::Done(Ok(Recorded { signature }))
            }
            Err(not_safe) => {
                seen.keep(stored);
                Step::Done(Err(NotRecorded::NotSafe(not_safe)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::MarkId;
    use crate::tezos::Digest;
    use crate::tezos::payload::Position;

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

    fn begin(request: &Request, seen: &mut Seen) -> (Recording, Step) {
        Recording::begin(request, AttemptId::random().unwrap(), None, seen)
    }

    /// What the store would tell after another process has recorded the same request.
    fn recorded_elsewhere(request: &Request) -> Stored {
        let (mut other, _) = begin(request, &mut Seen::default());
        other.signed(ELSEWHERE);
        Stored { mark: other.mark, version: version("elsewhere") }
    }

    fn version(text: &str) -> Version {
        Version(text.to_owned())
    }

    fn unknown() -> WriteError {
        WriteError::Unknown(StoreError::new("no answer"))
    }

    #[test]
    fn invariant_1_only_the_word_of_the_store_records() {
        let (request, mut seen) = (request(Kind::Attestation, 5), Seen::default());
        let (mut recording, step) = begin(&request, &mut seen);
        assert_eq!(step, Step::Read);
        assert_eq!(recording.read(Ok(None), &mut seen), Step::Write);
        assert_eq!(recording.mark().1, None, "there must be none yet");
        let done = recording.written(Ok(version("1")), &mut seen);
        assert_eq!(done, Step::Done(Ok(Recorded { signature: None })));

        // The same once more: it is remembered, and still asked for.
        let (_, step) = begin(&request, &mut seen);
        assert_eq!(step, Step::Confirm);
    }

    #[test]
    fn a_higher_request_replaces_just_the_version_that_was_seen() {
        let mut seen = Seen::default();
        let (mut first, _) = begin(&request(Kind::Preattestation, 5), &mut seen);
        first.read(Ok(None), &mut seen);
        first.written(Ok(version("1")), &mut seen);
        let (next, step) = begin(&request(Kind::Preattestation, 6), &mut seen);
        assert_eq!((step, next.mark().1), (Step::Write, Some(&version("1"))));
    }

    #[test]
    fn whatever_is_unclear_is_looked_up_before_anything_else() {
        for answer in [WriteError::Changed, unknown()] {
            let (request, mut seen) = (request(Kind::Attestation, 5), Seen::default());
            let (mut recording, _) = begin(&request, &mut seen);
            recording.read(Ok(None), &mut seen);
            assert_eq!(recording.written(Err(answer), &mut seen), Step::ReadBack);
            assert_eq!(recording.read(Ok(None), &mut seen), Step::Write, "it was not done");
        }
    }

    #[test]
    fn invariant_4_a_block_is_signed_once_and_released_with_what_the_store_holds() {
        let (request, mut seen) = (request(Kind::Block, 5), Seen::default());
        let (mut recording, _) = begin(&request, &mut seen);
        assert_eq!(recording.read(Ok(None), &mut seen), Step::Sign);
        assert_eq!(recording.signed(MADE), Step::Write);
        recording.written(Err(unknown()), &mut seen);
        assert_eq!(recording.read(Ok(None), &mut seen), Step::Write, "not signed again");
        recording.written(Err(WriteError::Changed), &mut seen);
        let Step::Done(Ok(recorded)) = recording.read(Ok(Some(recorded_elsewhere(&request))), &mut seen) else {
            panic!("another process has recorded the same block")
        };
        assert_eq!(recorded.release_block(), Some(ELSEWHERE), "what this one made is lost");
    }

    #[test]
    fn a_store_that_has_lost_what_it_told_records_nothing() {
        let (request, mut seen) = (request(Kind::Attestation, 5), Seen::default());
        let (mut recording, _) = begin(&request, &mut seen);
        recording.read(Ok(Some(recorded_elsewhere(&request))), &mut seen);
        let (again, step) = begin(&request, &mut seen);
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
        begin(&first, &mut seen).0.read(Ok(Some(stored.clone())), &mut seen);
        let (repeat, _) = begin(&first, &mut seen);

        let (mut next, step) = begin(&request(Kind::Attestation, 6), &mut seen);
        assert_eq!(step, Step::Write);
        assert!(matches!(next.written(Ok(version("6")), &mut seen), Step::Done(Ok(_))));
        assert!(repeat.confirmed(Ok(Some(stored)), &mut seen).is_ok());

        let (above, step) = begin(&request(Kind::Attestation, 7), &mut seen);
        assert_eq!((step, above.mark().1), (Step::Write, Some(&version("6"))), "the newer mark is still known");
    }

    /// A baker who votes at every level, and had his last block long ago.
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
            let (mut recording, _) = begin(&far, &mut seen);
            assert_eq!(recording.read(Ok(Some(old.clone())), &mut seen), Step::ReadOtherKinds);
            assert_eq!(recording.other_kinds(Ok(others), &mut seen), expected, "{others:?}");
        }
        let mut seen = Seen::default();
        let (mut recording, _) = begin(&far, &mut seen);
        recording.read(Ok(Some(old.clone())), &mut seen);
        recording.other_kinds(Ok(position(999)), &mut seen);
        assert_eq!(recording.signed(MADE), Step::Write);
        assert_eq!(recording.mark().1, Some(&old.version), "of its own kind");
        recording.written(Err(WriteError::Changed), &mut seen);
        assert_eq!(recording.read(Ok(Some(old.clone())), &mut seen), Step::Write, "they are not read again");

        let (mut recording, _) = begin(&far, &mut Seen::default());
        recording.read(Ok(Some(old)), &mut seen);
        let failed = recording.other_kinds(Err(StoreError::new("no answer")), &mut seen);
        assert!(matches!(failed, Step::Done(Err(NotRecorded::Store(_)))), "{failed:?}");

        let near = Request { jump_limit: Some(100), ..request(Kind::Block, 100) };
        let (mut recording, _) = begin(&near, &mut Seen::default());
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
