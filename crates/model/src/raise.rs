//! A raise of a mark by a command or the witness: the product's own recording, step by step.

use crate::task::Stray;
use crate::{Protocol, State};
use azurehsm_signer::marks::{self, AttemptId, Raise, Raised, Seen, Step, WriteError};
use azurehsm_signer::tezos::payload::{NonNegative, Position};
use azurehsm_signer::tezos::{Digest, Signature};

/// A raise that has read the mark, and is about to write it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Raising(Box<marks::Recording<Raise>>);

/// All rounds of a level.
pub(crate) fn position(level: u8) -> Position {
    Position { level: NonNegative::try_from(u32::from(level)).unwrap_or(NonNegative::MAX), round: NonNegative::MAX }
}

/// The attempt of this number.
#[allow(clippy::expect_used, reason = "a number is a valid attempt")]
pub(crate) fn attempt(number: usize) -> AttemptId {
    format!("{number:x}").parse().expect("a number is a valid attempt")
}

impl Raising {
    /// Reads the mark. Returns whether nothing is to be written. Every write of a run has an attempt with a number of its own.
    pub(crate) fn begin(
        signers: &Protocol,
        state: &State,
        mark: usize,
        to: Position,
        signed: Option<(Digest, Option<Signature>)>,
        number: usize,
    ) -> (Self, bool) {
        let (digest, signature) = signed.map_or((None, None), |(digest, signature)| (Some(digest), signature));
        let raise = Raise::new(signers.workload.marks[mark], to, digest, signature);
        let seen = &mut Seen::default();
        let (mut recording, _) = marks::Recording::begin(raise, attempt(number), signers.written(), seen);
        let step = recording.read(Ok(state.store.read(mark).cloned()), seen);
        (Self(Box::new(recording)), is_done(&step))
    }

    /// Writes the mark, and reads it again if it has changed. Returns whether that was all.
    pub(crate) fn write(mut self, signers: &Protocol, state: &mut State, mark: usize) -> (Self, bool) {
        let (new, expected) = self.0.mark();
        let write = Stray { mark, new: new.clone(), expected: expected.cloned() };
        let written = signers.store_writes(state, &write);
        let seen = &mut Seen::default();
        let step = match self.0.written(written.ok_or(WriteError::Changed), seen) {
            Step::ReadBack => self.0.read(Ok(state.store.read(mark).cloned()), seen),
            step => step,
        };
        (self, is_done(&step))
    }
}

fn is_done(step: &Step<Raised>) -> bool {
    matches!(step, Step::Done(_))
}
