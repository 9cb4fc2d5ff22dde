//! The steps of `marks recover`.

use super::state::{Marks, Run};
use super::{BrokenRecovery, RecoveryProtocol, RecoveryState};
use crate::raise::{Raising, position};

impl RecoveryProtocol {
    /// Whether a recovery has a next step.
    pub(super) fn can_go_on(&self, state: &RecoveryState, recovery: usize) -> bool {
        // In place, nothing shows what was restored: an operator recovers afterwards.
        if self.setup.is_in_place && state.signers.losses > 0 {
            return false;
        }
        // They are interchangeable, so it is enough that they begin in order.
        let is_next = recovery == 0 || *state.runs[recovery - 1] != Run::Waiting;
        is_next && *state.runs[recovery] != Run::Done
    }

    /// The next step of a recovery.
    pub(super) fn go_on(&self, state: &mut RecoveryState, recovery: usize) {
        let container = state.signers.store.container();
        let next = match (*state.runs[recovery]).clone() {
            Run::Waiting if self.is(BrokenRecovery::HeadReadFirst) => Run::HeadRead { level: state.requested },
            Run::Waiting => Run::Connected { container },
            Run::HeadRead { level } => self.begin_marks(state, container, level),
            Run::Connected { container } => {
                if self.is(BrokenRecovery::BoundFirst) || self.is(BrokenRecovery::SealedFirst) {
                    state.signers.tag = container;
                }
                self.begin_marks(state, container, self.head(state))
            }
            Run::Marks(marks) => self.raise(state, recovery, marks),
            Run::Raised { container: connected } => {
                state.signers.tag = if self.is(BrokenRecovery::BoundToTheLast) { container } else { connected };
                Run::Done
            }
            Run::Done => Run::Done,
        };
        state.runs[recovery].update(|run| *run = next);
    }

    /// The level to raise to: 10 above the head, which is not more than that behind anything that was requested.
    fn head(&self, state: &RecoveryState) -> u8 {
        if self.is(BrokenRecovery::NoDistance) { self.highest_released(state) } else { state.requested }
    }

    fn begin_marks(&self, state: &RecoveryState, container: u8, level: u8) -> Run {
        let mut left: Vec<_> = (0..self.signers.workload.marks.len()).collect();
        if self.is(BrokenRecovery::AbsentNotCreated) {
            left.retain(|mark| state.signers.store.read(*mark).is_some());
        }
        if self.is(BrokenRecovery::OneKind) || self.is(BrokenRecovery::CompanionNotRaised) {
            left.truncate(1);
        }
        if left.is_empty() {
            Run::Raised { container }
        } else {
            Run::Marks(Marks { container, level, left, raising: None })
        }
    }

    /// Reads or writes the first mark that is left.
    fn raise(&self, state: &mut RecoveryState, recovery: usize, mut marks: Marks) -> Run {
        let Some(mark) = marks.left.first().copied() else { return Run::Raised { container: marks.container } };
        let (raising, is_done) = match marks.raising.take() {
            None => {
                let attempt = 0x2000 + recovery * 0x10 + mark;
                Raising::begin(&self.signers, &state.signers, mark, position(marks.level), None, attempt)
            }
            Some(raising) => raising.write(&self.signers, &mut state.signers, mark),
        };
        if !is_done {
            marks.raising = Some(raising);
            return Run::Marks(marks);
        }
        marks.left.remove(0);
        if !marks.left.is_empty() {
            return Run::Marks(marks);
        }
        // The container in use is the one that all of them were raised in.
        state.is_complete |= state.signers.store.container() == marks.container;
        Run::Raised { container: marks.container }
    }
}
