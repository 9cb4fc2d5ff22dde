//! The steps of the operator: `marks handover` at one signer, and the commands that it prints, at the other.

use super::state::{Run, Target};
use super::{BrokenHandover, HandoverProtocol, HandoverState};
use crate::raise::{Raising, position};
use crate::stops::state::Run as CommandRun;

/// The number of the stop among a site's commands, and that of the resume.
const STOP: usize = 0;
const RESUME: usize = 1;

impl HandoverProtocol {
    /// The operator's next step.
    pub(super) fn go_on(&self, state: &mut HandoverState) {
        let next = match (*state.run).clone() {
            Run::ExportFirst => Run::Stop { handover: 0, exported: Some(exported(state, 0)) },
            Run::Stop { handover, exported } => self.stop(state, handover, exported),
            Run::Export { handover } => {
                let exported = exported(state, handover);
                self.begin_raises(state, handover, exported)
            }
            Run::Raise { handover, left, raising } => self.raise(state, handover, left, raising),
            Run::Start { handover } => self.start(state, handover),
            Run::Over => Run::Over,
        };
        state.run.update(|run| *run = next);
    }

    fn stop(&self, state: &mut HandoverState, handover: usize, exported: Option<Vec<Target>>) -> Run {
        let is_skipped = handover == 0 && self.is(BrokenHandover::NotStopped)
            || handover == 1 && self.is(BrokenHandover::ResumedFirst);
        if !is_skipped {
            self.sites[handover].go_on(&mut state.sites[handover], STOP);
            if *state.sites[handover].runs[STOP] != CommandRun::Done {
                return Run::Stop { handover, exported };
            }
        }
        match exported {
            Some(exported) => self.begin_raises(state, handover, exported),
            None => Run::Export { handover },
        }
    }

    fn begin_raises(&self, state: &HandoverState, handover: usize, exported: Vec<Target>) -> Run {
        let is_skipped = handover == 1 && self.is(BrokenHandover::ResumedAtOldMarks);
        let imported = exported.into_iter().filter(|_| self.setup.imports);
        let marks = 0..state.sites[handover].signers.store.len();
        let position = position(state.requested);
        let raised = marks.map(|mark| Target { mark, position, signed: None }).filter(|_| self.setup.raises);
        let left: Vec<_> = imported.chain(raised).filter(|_| !is_skipped).collect();
        if left.is_empty() { Run::Start { handover } } else { Run::Raise { handover, left, raising: None } }
    }

    /// Reads or writes the first mark that is left, in the store that takes over.
    fn raise(
        &self,
        state: &mut HandoverState,
        handover: usize,
        mut left: Vec<Target>,
        raising: Option<Raising>,
    ) -> Run {
        let (to, Some(target)) = (1 - handover, left.first()) else { return Run::Start { handover } };
        let (signers, mark) = (&self.sites[to].signers, target.mark);
        let (raising, is_done) = match raising {
            None => {
                let attempt = 0x2000 + handover * 0x100 + left.len();
                Raising::begin(signers, &state.sites[to].signers, mark, target.position, target.signed, attempt)
            }
            Some(raising) => raising.write(signers, &mut state.sites[to].signers, mark),
        };
        if !is_done {
            return Run::Raise { handover, left, raising: Some(raising) };
        }
        left.remove(0);
        if left.is_empty() { Run::Start { handover } } else { Run::Raise { handover, left, raising: None } }
    }

    fn start(&self, state: &mut HandoverState, handover: usize) -> Run {
        if handover == 0 {
            state.is_started = true;
            let is_last = self.setup.handovers == 1;
            return if is_last { Run::Over } else { Run::Stop { handover: 1, exported: None } };
        }
        let site = &mut state.sites[0];
        let raises = self.setup.raises && !self.is(BrokenHandover::ResumedAtOldMarks);
        site.resumes_at.get_or_insert(if raises { state.requested } else { 0 });
        self.sites[0].go_on(site, RESUME);
        if *site.runs[RESUME] == CommandRun::Done { Run::Over } else { Run::Start { handover } }
    }
}

/// The marks of the store that the key leaves.
fn exported(state: &HandoverState, handover: usize) -> Vec<Target> {
    let signers = &state.sites[handover].signers;
    let marks = (0..signers.store.len()).filter_map(|mark| Some((mark, &signers.store.read(mark)?.mark)));
    let of_mark = |(mark, stored): (usize, &azurehsm_signer::marks::Mark)| Target {
        mark,
        position: stored.true_position(),
        signed: stored.true_digest().map(|digest| (digest, stored.true_signature())),
    };
    marks.map(of_mark).collect()
}
