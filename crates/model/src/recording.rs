//! The product's recording of a vote or a block, under one type.

use azurehsm_signer::marks::{
    self, AttemptId, BlockRecorded, BlockRequest, Mark, Request, Seen, Stop, StoreError, Stored, Version, VoteOrBlock,
    VoteRecorded, VoteRequest, WriteError, Written,
};
use azurehsm_signer::tezos::Signature;
use azurehsm_signer::tezos::payload::Position;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Recording {
    Vote(marks::Recording<VoteRequest>),
    Block(marks::Recording<BlockRequest>),
}

/// The product's proof that a request is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Recorded {
    Vote(VoteRecorded),
    Block(BlockRecorded),
}

pub(crate) type Step = marks::Step<Recorded>;

impl Recording {
    pub(crate) fn begin(
        request: &Request,
        attempt: AttemptId,
        written: Option<Written>,
        seen: &mut Seen,
    ) -> (Self, Step) {
        match request.split() {
            VoteOrBlock::Vote(vote) => {
                let (recording, step) = marks::Recording::begin(vote, attempt, written, seen);
                (Self::Vote(recording), of_vote(step))
            }
            VoteOrBlock::Block(block) => {
                let (recording, step) = marks::Recording::begin(block, attempt, written, seen);
                (Self::Block(recording), of_block(step))
            }
        }
    }

    pub(crate) fn read(&mut self, answer: Result<Option<Stored>, StoreError>, seen: &mut Seen) -> Step {
        match self {
            Self::Vote(recording) => of_vote(recording.read(answer, seen)),
            Self::Block(recording) => of_block(recording.read(answer, seen)),
        }
    }

    pub(crate) fn confirmed(&mut self, answer: Result<Option<Stored>, StoreError>, seen: &mut Seen) -> Step {
        match self {
            Self::Vote(recording) => of_vote(recording.confirmed(answer, seen)),
            Self::Block(recording) => of_block(recording.confirmed(answer, seen)),
        }
    }

    pub(crate) fn stops(&mut self, answer: Result<Option<Stop>, StoreError>, seen: &mut Seen) -> Step {
        match self {
            Self::Vote(recording) => of_vote(recording.stops(answer, seen)),
            Self::Block(recording) => of_block(recording.stops(answer, seen)),
        }
    }

    pub(crate) fn other_kinds(&mut self, answer: Result<Option<Position>, StoreError>, seen: &mut Seen) -> Step {
        match self {
            Self::Vote(recording) => of_vote(recording.other_kinds(answer, seen)),
            Self::Block(recording) => of_block(recording.other_kinds(answer, seen)),
        }
    }

    /// The vault has signed. Only blocks wait for that.
    pub(crate) fn signed(&mut self, signature: Signature) -> Step {
        match self {
            Self::Vote(recording) => of_vote(recording.signed(())),
            Self::Block(recording) => of_block(recording.signed(signature)),
        }
    }

    pub(crate) fn mark(&self) -> (&Mark, Option<&Version>) {
        match self {
            Self::Vote(recording) => recording.mark(),
            Self::Block(recording) => recording.mark(),
        }
    }

    pub(crate) fn written(&mut self, answer: Result<Version, WriteError>, seen: &mut Seen) -> Step {
        match self {
            Self::Vote(recording) => of_vote(recording.written(answer, seen)),
            Self::Block(recording) => of_block(recording.written(answer, seen)),
        }
    }
}

fn of_vote(step: marks::Step<VoteRecorded>) -> Step {
    with(step, Recorded::Vote)
}

fn of_block(step: marks::Step<BlockRecorded>) -> Step {
    with(step, Recorded::Block)
}

fn with<R>(step: marks::Step<R>, recorded: impl FnOnce(R) -> Recorded) -> Step {
    match step {
        marks::Step::Read => Step::Read,
        marks::Step::ReadBack => Step::ReadBack,
        marks::Step::ReadOtherKinds => Step::ReadOtherKinds,
        marks::Step::Confirm => Step::Confirm,
        marks::Step::ReadStops => Step::ReadStops,
        marks::Step::Sign => Step::Sign,
        marks::Step::Write => Step::Write,
        marks::Step::Done(verdict) => Step::Done(verdict.map(recorded)),
    }
}
