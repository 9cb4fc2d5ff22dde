//! The steps of a watcher, as the product's judge and its enforcement take them.

use super::protocol::Vote;
use super::state::{Seen, Watcher};
use super::{BrokenWitness, WitnessProtocol, WitnessState};
use crate::raise::{Raising, attempt};
use crate::stops::stop::stop;
use crate::task::Stray;
use azurehsm_signer::marks::{self, Mark, StopMark, WriteError};
use azurehsm_signer::tezos::OperationHash;
use azurehsm_signer::tezos::payload::Position;
use azurehsm_signer::witness::{
    Finding, KeyMarks, OnForeignSignature, Proof, Response, Sighting, Source, Standing, compare, respond,
};

impl WitnessProtocol {
    /// A watcher reads a block with this vote.
    pub(super) fn block_is_read(&self, state: &mut WitnessState, watcher: usize, number: usize) {
        let was_acknowledged = state.here.signers.store.acknowledged() & self.votes[number].evidence() != 0;
        let seen = Seen { vote: number, was_acknowledged };
        let next = match (*state.watchers[watcher]).clone() {
            Watcher::MarksRead(marks) => self.judge(state, seen, &marks),
            _ => Watcher::BlockRead { seen, marks: Vec::new() },
        };
        state.watchers[watcher].update(|watcher| *watcher = next);
    }

    /// The next step of a watcher.
    pub(super) fn go_on(&self, state: &mut WitnessState, watcher: usize) {
        let all: Vec<_> = (0..state.here.signers.store.len()).collect();
        let read = |mark: usize| state.here.signers.store.read(mark).map(|stored| stored.mark.clone());
        let next = match (*state.watchers[watcher]).clone() {
            Watcher::Waiting => Watcher::MarksRead(all.iter().map(|mark| read(*mark)).collect()),
            Watcher::BlockRead { seen, mut marks } => {
                marks.push(read(marks.len()));
                if marks.len() == all.len() {
                    self.judge(state, seen, &marks)
                } else {
                    Watcher::BlockRead { seen, marks }
                }
            }
            // Both the read and the write of the stop item show what is acknowledged.
            Watcher::Foreign { seen, .. } | Watcher::Unacknowledged { seen, .. }
                if self.is_acknowledged(state, seen) =>
            {
                Watcher::Done { stopped: false }
            }
            Watcher::Foreign { seen, raise_to } => Watcher::Unacknowledged { seen, raise_to },
            Watcher::Unacknowledged { seen, raise_to } => {
                let store = &mut state.here.signers.store;
                store.set_stops(store.stops() | self.votes[seen.vote].evidence());
                Watcher::Stopping { seen, raise_to, left: all, stopping: None }
            }
            Watcher::Stopping { seen, raise_to, left, stopping } => {
                self.stop(state, watcher, seen, raise_to, left, stopping)
            }
            Watcher::Raising { seen, to, left, raising } => self.raise(state, watcher, seen, to, left, raising),
            done => done,
        };
        state.watchers[watcher].update(|watcher| *watcher = next);
    }

    fn is_acknowledged(&self, state: &WitnessState, seen: Seen) -> bool {
        let evidence = self.votes[seen.vote].evidence();
        !self.is(BrokenWitness::StoppedAgain) && state.here.signers.store.acknowledged() & evidence != 0
    }

    fn judge(&self, state: &mut WitnessState, seen: Seen, marks: &[Option<Mark>]) -> Watcher {
        let vote = &self.votes[seen.vote];
        let ids = &self.here.signers.workload.marks;
        let with = |of_key: KeyMarks, (id, mark): (&marks::MarkId, &Option<Mark>)| of_key.with(id.kind, mark.clone());
        let marks = ids.iter().zip(marks).fold(KeyMarks::default(), with);
        let sighting = sighting(vote);
        let finding = compare(&sighting, &marks);
        state.false_alarm |= vote.is_ours && matches!(finding, Finding::Foreign | Finding::NotYetSignedHere);
        state.overlooked |= !vote.is_ours && finding == Finding::Ours;
        let all = (0..ids.len()).collect();
        match respond(finding, &sighting, Standing::Confirmed, None, OnForeignSignature::Stop) {
            Response::Stop { raise_to } => Watcher::Foreign { seen, raise_to },
            Response::Raise(to) if !self.is(BrokenWitness::NotSilent) => {
                Watcher::Raising { seen, to, left: all, raising: None }
            }
            Response::Raise(_) => self.done(state, seen, false),
            Response::Nothing | Response::Wait | Response::Alert => Watcher::Done { stopped: false },
        }
    }

    /// The vote of the other signer is dealt with: what was not signed here by now must not be signed any more.
    fn done(&self, state: &mut WitnessState, seen: Seen, stopped: bool) -> Watcher {
        let slot = self.votes[seen.vote].slot;
        if !state.here.signers.history.has_recorded_at(slot) && !state.silent.contains(&slot) {
            state.silent.push(slot);
            state.silent.sort_unstable();
        }
        state.stopped_again |= stopped && seen.was_acknowledged;
        Watcher::Done { stopped }
    }

    /// Reads or writes the first mark that is left to be stopped.
    fn stop(
        &self,
        state: &mut WitnessState,
        watcher: usize,
        seen: Seen,
        raise_to: Option<Position>,
        mut left: Vec<usize>,
        stopping: Option<Box<marks::Recording<StopMark>>>,
    ) -> Watcher {
        let Some(mark) = left.first().copied() else { return self.done(state, seen, true) };
        let (id, signers) = (self.here.signers.workload.marks[mark], &mut state.here.signers);
        let memory = &mut marks::Seen::default();
        let (recording, step) = match stopping {
            None => {
                let is_own_kind = id.kind == self.votes[seen.vote].id.kind;
                let is_late = self.is(BrokenWitness::NotRaised) || self.is(BrokenWitness::RaisedAfterwards);
                let at_once = raise_to.filter(|_| is_own_kind && !is_late);
                let stop = StopMark::new(id, stop(self.votes[seen.vote].number), at_once);
                let attempt = attempt(0x3000 + watcher * 0x10 + mark);
                let (mut recording, _) = marks::Recording::begin(stop, attempt, self.here.signers.written(), memory);
                let step = recording.read(Ok(signers.store.read(mark).cloned()), memory);
                (Box::new(recording), step)
            }
            Some(mut recording) => {
                let (new, expected) = recording.mark();
                let write = Stray { mark, new: new.clone(), expected: expected.cloned() };
                let written = self.here.signers.store_writes(signers, &write).ok_or(WriteError::Changed);
                let step = match recording.written(written, memory) {
                    marks::Step::ReadBack => recording.read(Ok(signers.store.read(mark).cloned()), memory),
                    step => step,
                };
                (recording, step)
            }
        };
        if !matches!(step, marks::Step::Done(_)) {
            return Watcher::Stopping { seen, raise_to, left, stopping: Some(recording) };
        }
        left.remove(0);
        match raise_to {
            _ if !left.is_empty() => Watcher::Stopping { seen, raise_to, left, stopping: None },
            Some(to) if self.is(BrokenWitness::RaisedAfterwards) => {
                Watcher::Raising { seen, to, left: vec![mark], raising: None }
            }
            _ => {
                // A stop by the witness promises the same as any other.
                self.here.promise(&mut state.here, self.votes[seen.vote].number);
                self.done(state, seen, true)
            }
        }
    }

    /// Reads or writes the first mark that is left to be raised.
    fn raise(
        &self,
        state: &mut WitnessState,
        watcher: usize,
        seen: Seen,
        to: Position,
        mut left: Vec<usize>,
        raising: Option<Raising>,
    ) -> Watcher {
        let Some(mark) = left.first().copied() else { return self.done(state, seen, false) };
        let signers = &self.here.signers;
        let (raising, is_done) = match raising {
            None => Raising::begin(signers, &state.here.signers, mark, to, None, 0x4000 + watcher * 0x10 + mark),
            Some(raising) => raising.write(signers, &mut state.here.signers, mark),
        };
        if !is_done {
            return Watcher::Raising { seen, to, left, raising: Some(raising) };
        }
        left.remove(0);
        if left.is_empty() { self.done(state, seen, false) } else { Watcher::Raising { seen, to, left, raising: None } }
    }
}

/// What the chain shows of a vote.
fn sighting(vote: &Vote) -> Sighting {
    Sighting {
        id: vote.id,
        position: vote.position,
        digest: vote.digest,
        signature: None,
        source: Source::Operation(OperationHash::from_bytes([0; 32])),
        proof: Proof::Signature,
    }
}
