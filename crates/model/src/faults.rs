//! Faults and crashes, and what remains on the network after each.

use crate::hashed::Hashed;
use crate::recording::Step;
use crate::state::Progress;
use crate::task::Task;
use crate::{Broken, Fault, Protocol, State};
use azurehsm_signer::marks::{StoreError, WriteError};

impl Protocol {
    /// Applies a fault to a request.
    pub(crate) fn fault(&self, state: &mut State, request: usize, instance: usize, mut task: Task, fault: Fault) {
        state.faults -= 1;
        let mark = self.job(request).mark;
        let seen = &mut state.seen[instance][mark];
        let step = match fault {
            Fault::ReadFails => {
                let failed = Err(StoreError::new("the mark cannot be read"));
                if std::mem::take(&mut task.is_confirming) {
                    seen.update(|seen| task.recording.confirmed(failed, seen))
                } else {
                    seen.update(|seen| task.recording.read(failed, seen))
                }
            }
            Fault::WriteIsSentAgain => {
                let copy = task.on_its_way(mark);
                if let Some(write) = &copy {
                    drop(self.store_writes(state, write));
                }
                state.strays.extend(copy);
                let unknown = Err(WriteError::Unknown(StoreError::new("sent more than once")));
                state.seen[instance][mark].update(|seen| task.recording.written(unknown, seen))
            }
            Fault::WriteIsTurnedAway => {
                let turned_away = Err(WriteError::NotWritten(StoreError::new("rejected")));
                seen.update(|seen| task.recording.written(turned_away, seen))
            }
            Fault::WriteTimesOut | Fault::WriteAnswerIsLost => {
                state.strays.extend(task.on_its_way(mark));
                if self.is(Broken::BlindRetry) {
                    task.is_resent = true;
                    Step::Write
                } else {
                    let unknown = Err(WriteError::Unknown(StoreError::new("no response")));
                    seen.update(|seen| task.recording.written(unknown, seen))
                }
            }
            Fault::WriteIsDuplicated => {
                state.strays.extend(task.on_its_way(mark));
                state.progress[request] = Progress::active(instance, task);
                return;
            }
            Fault::VaultFails if !self.is_block(request) => {
                task.signature = None;
                state.progress[request] = Progress::active(instance, task);
                return;
            }
            Fault::VaultFails | Fault::Deadline => {
                state.strays.extend(task.on_its_way(mark));
                state.progress[request] = Progress::Over;
                return;
            }
        };
        self.go_on(state, request, instance, task, step);
    }

    /// An instance crashes and restarts: its memory is gone, and what it has sent is still on its way.
    pub(crate) fn crash(&self, state: &mut State, instance: usize) {
        state.crashes -= 1;
        state.seen[instance].fill(Hashed::default());
        state.connected[instance] = None;
        for (request, progress) in state.progress.iter_mut().enumerate() {
            let Progress::Active { instance: at, task } = progress else { continue };
            if *at == instance {
                state.strays.extend(task.on_its_way(self.job(request).mark));
                *progress = Progress::Over;
            }
        }
    }
}
