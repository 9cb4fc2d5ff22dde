//! The steps of commands.

use super::setup::Command;
use super::state::{Marks, Recording, Run, Work};
use super::stop::{EVIDENCE, ids, numbers, stop};
use super::{BrokenStop, StopProtocol, StopState};
use crate::raise::{attempt, position};
use crate::task::Stray;
use azurehsm_signer::marks::{
    self, AttemptId, LiftStops, Lifted, Mark, MarkStopped, NotRecorded, Seen, Step, StopMark, Version, WriteError,
};
use azurehsm_signer::tezos::payload::{NonNegative, Position};

/// What a recording of a command waits for.
enum Next {
    /// To write the mark.
    Write,
    /// To read it again.
    Read,
    /// Nothing.
    Done,
    /// Nothing: the mark has another stop.
    OtherStops,
}

impl StopProtocol {
    /// Whether a command has a next step.
    pub(crate) fn can_go_on(&self, state: &StopState, command: usize) -> bool {
        match (&*state.runs[command], self.setup.commands[command]) {
            (Run::Waiting, Command::Resume | Command::Spread) => state.signers.store.stops() != 0,
            (Run::Done | Run::OtherStops, _) => false,
            _ => true,
        }
    }

    /// The next step of a command.
    pub(crate) fn go_on(&self, state: &mut StopState, command: usize) {
        let run = (*state.runs[command]).clone();
        let next = match (run, self.setup.commands[command]) {
            (Run::Waiting, Command::Stop(_)) if self.is(BrokenStop::ListedFirst) => Run::ListedFirst(self.marks(state)),
            (Run::Waiting, Command::Stop(number)) => {
                state.signers.store.set_stops(state.signers.store.stops() | 1 << number);
                Run::Listing
            }
            (Run::ListedFirst(list), Command::Stop(number)) => {
                state.signers.store.set_stops(state.signers.store.stops() | 1 << number);
                self.begin_marks(state, command, 1 << number, list, false)
            }
            (Run::Listing, Command::Stop(number)) => {
                let list = self.marks(state);
                self.begin_marks(state, command, 1 << number, list, false)
            }
            (Run::Waiting, Command::Resume) => {
                state.signers.history.end_stop();
                let (stops, list) = (state.signers.store.stops(), self.marks(state));
                self.begin_marks(state, command, stops, list, false)
            }
            (Run::Waiting, Command::Spread) => {
                let (stops, list) = (state.signers.store.stops(), self.marks(state));
                self.begin_marks(state, command, stops, list, false)
            }
            (Run::Marks(marks), _) => self.write_marks(state, command, marks),
            (Run::Item { stops }, _) => {
                state.signers.store.acknowledge(stops & state.signers.store.stops() & EVIDENCE);
                state.signers.store.set_stops(state.signers.store.stops() & !stops);
                if state.signers.store.stops() == 0 {
                    let list = self.marks(state);
                    self.begin_marks(state, command, stops, list, true)
                } else {
                    Run::OtherStops
                }
            }
            (run, _) => run,
        };
        state.runs[command].update(|run| *run = next);
    }

    /// The marks that a command finds or creates.
    fn marks(&self, state: &StopState) -> Vec<usize> {
        let all = 0..self.signers.workload.marks.len();
        all.filter(|mark| self.setup.creates || state.signers.store.read(*mark).is_some()).collect()
    }

    fn begin_marks(
        &self,
        state: &mut StopState,
        command: usize,
        stops: u8,
        list: Vec<usize>,
        is_second_pass: bool,
    ) -> Run {
        // A resume lifts all stops of a mark in one write; a stop is written one by one.
        let is_resume = self.setup.commands[command] == Command::Resume;
        let of_mark = |mark: usize| {
            let each: Vec<_> = if is_resume { vec![0] } else { numbers(stops).collect() };
            each.into_iter().map(move |stop| Work { mark, stop, recording: None })
        };
        let left = list.into_iter().flat_map(of_mark).collect();
        self.next_mark(state, command, Marks { stops, left, is_second_pass })
    }

    /// What follows after a mark is written.
    fn next_mark(&self, state: &mut StopState, command: usize, marks: Marks) -> Run {
        if !marks.left.is_empty() {
            return Run::Marks(marks);
        }
        match self.setup.commands[command] {
            Command::Stop(number) => {
                self.promise(state, number);
                Run::Done
            }
            Command::Resume if !marks.is_second_pass => Run::Item { stops: marks.stops },
            Command::Resume | Command::Spread => Run::Done,
        }
    }

    /// This stop is complete: from now on, only what its marks cover leaves.
    pub(crate) fn promise(&self, state: &mut StopState, number: u8) {
        if self.is_being_lifted(state, number) {
            return;
        }
        let signers = &mut state.signers;
        let position = |mark| signers.store.read(mark).map(|stored| stored.mark.true_position());
        let exported = (0..signers.store.len()).map(position).collect();
        signers.history.promise_stop(exported);
    }

    /// Whether a resume that lifts this stop has begun: then a stop that is complete promises nothing.
    fn is_being_lifted(&self, state: &StopState, number: u8) -> bool {
        let is_in = |stops: u8| stops & (1 << number) != 0;
        state.runs.iter().zip(self.setup.commands).filter(|(_, command)| **command == Command::Resume).any(
            |(run, _)| match &**run {
                Run::Marks(marks) => is_in(marks.stops),
                Run::Item { stops } => is_in(*stops),
                Run::Done => true,
                _ => false,
            },
        )
    }

    /// Reads or writes the first mark that is left.
    fn write_marks(&self, state: &mut StopState, command: usize, mut marks: Marks) -> Run {
        let Some(work) = marks.left.first_mut() else { return self.next_mark(state, command, marks) };
        let next = match work.recording.take() {
            None => {
                let (recording, next) = self.read_mark(state, command, work, marks.stops, marks.is_second_pass);
                work.recording = Some(Box::new(recording));
                next
            }
            Some(mut recording) => {
                let written = self.write_mark(state, work.mark, &recording);
                let next = recording.written(written);
                let next = if matches!(next, Next::Read) {
                    recording.read(state.signers.store.read(work.mark).cloned())
                } else {
                    next
                };
                work.recording = Some(recording);
                next
            }
        };
        match next {
            Next::Write | Next::Read => Run::Marks(marks),
            Next::OtherStops => Run::OtherStops,
            Next::Done => {
                marks.left.remove(0);
                self.next_mark(state, command, marks)
            }
        }
    }

    fn read_mark(
        &self,
        state: &StopState,
        command: usize,
        work: &Work,
        stops: u8,
        is_second_pass: bool,
    ) -> (Recording, Next) {
        let id = self.signers.workload.marks[work.mark];
        let attempt = attempt_of(command, work, is_second_pass);
        let (seen, written) = (&mut Seen::default(), self.signers.written());
        let raise_to = state.resumes_at.map(position);
        let mut recording = if self.setup.commands[command] == Command::Resume {
            Recording::Lift(marks::Recording::begin(LiftStops::new(id, ids(stops), raise_to), attempt, written, seen).0)
        } else {
            Recording::Stop(marks::Recording::begin(StopMark::new(id, stop(work.stop), None), attempt, written, seen).0)
        };
        let next = recording.read(state.signers.store.read(work.mark).cloned());
        (recording, next)
    }

    fn write_mark(&self, state: &mut StopState, mark: usize, recording: &Recording) -> Option<Version> {
        let (new, expected) = match recording {
            Recording::Stop(recording) => recording.mark(),
            Recording::Lift(recording) => recording.mark(),
        };
        let mut write = Stray { mark, new: new.clone(), expected: expected.cloned() };
        if self.is(BrokenStop::PositionForgotten) {
            forget_position(&mut write.new);
        }
        if self.is(BrokenStop::Unconditional) {
            write.expected = state.signers.store.read(mark).map(|stored| stored.version.clone());
        }
        self.signers.store_writes(&mut state.signers, &write)
    }
}

impl Recording {
    fn read(&mut self, stored: Option<marks::Stored>) -> Next {
        let seen = &mut Seen::default();
        match self {
            Self::Stop(recording) => of_stop(&recording.read(Ok(stored), seen)),
            Self::Lift(recording) => of_lift(&recording.read(Ok(stored), seen)),
        }
    }

    fn written(&mut self, version: Option<Version>) -> Next {
        let (seen, answer) = (&mut Seen::default(), version.ok_or(WriteError::Changed));
        match self {
            Self::Stop(recording) => of_stop(&recording.written(answer, seen)),
            Self::Lift(recording) => of_lift(&recording.written(answer, seen)),
        }
    }
}

fn of_stop(step: &Step<MarkStopped>) -> Next {
    next(step, |_| Next::Done)
}

fn of_lift(step: &Step<Lifted>) -> Next {
    next(step, |lifted| if matches!(lifted, Lifted::OtherStops(_)) { Next::OtherStops } else { Next::Done })
}

fn next<R>(step: &Step<R>, done: impl FnOnce(&R) -> Next) -> Next {
    match step {
        Step::Write => Next::Write,
        Step::Done(Ok(recorded)) => done(recorded),
        // Nothing fails here, and every other step is a read.
        Step::Done(Err(
            NotRecorded::Store(_) | NotRecorded::Lost(_) | NotRecorded::NotSafe(_) | NotRecorded::TooManyChains(_),
        ))
        | Step::Read
        | Step::ReadBack
        | Step::ReadOtherKinds
        | Step::Confirm
        | Step::ReadStops
        | Step::Sign => Next::Read,
    }
}

fn forget_position(mark: &mut Mark) {
    if let Some(stopped) = &mut mark.stop {
        stopped.position = Position { level: NonNegative::ZERO, round: NonNegative::ZERO };
        stopped.digest = None;
    }
}

/// Each write of a command has an attempt of its own.
fn attempt_of(command: usize, work: &Work, is_second_pass: bool) -> AttemptId {
    attempt(0x1000 + command * 0x100 + work.mark * 0x10 + usize::from(work.stop) * 2 + usize::from(is_second_pass))
}
