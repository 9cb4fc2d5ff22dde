//! After the faults: what a state leads to when nothing goes wrong any more.

use crate::recording::{Recorded, Recording, Step};
use crate::state::Progress;
use crate::store::{Store, Write};
use crate::{Protocol, State};
use azurehsm_signer::marks::{AttemptId, Request, Seen, WriteError};
use azurehsm_signer::tezos::Signature;
use stateright::Model;

impl Protocol {
    /// Whether nothing is stuck: no request is without an answer where nothing can happen any more, and none goes on forever.
    pub(crate) fn is_answered(&self, state: &State, max_writes: u8) -> bool {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        let is_bounded = state.progress.iter().all(|progress| match progress {
            Progress::Active { task, .. } => task.writes <= max_writes,
            Progress::Waiting | Progress::Over => true,
        });
        is_bounded && (!actions.is_empty() || state.is_over())
    }

    /// Whether every instance signs what it must: the last thing that was recorded, once more, and something new.
    pub(crate) fn answers_in_calm(&self, state: &State) -> bool {
        (0..self.setup.instances).all(|instance| {
            (0..self.asks.marks.len()).all(|mark| {
                let mut calm = Calm { store: state.store.clone(), seen: (*state.seen[instance][mark]).clone(), mark };
                let stored = state.store.read(mark).map(|stored| &stored.mark);
                let last = stored.and_then(|stored| {
                    let is_last = |request: &Request| Some(request.digest) == stored.digest;
                    self.asks.wanted.iter().map(|ask| ask.request).find(is_last)
                });
                let is_repeated = last.is_none_or(|request| {
                    calm.ask(&request, self.asks.deliveries[0].attempt, UNUSED).is_some_and(|recorded| match recorded {
                        Recorded::Vote(_) => true,
                        Recorded::Block(block) => Some(block.release()) == stored.and_then(|stored| stored.signature),
                    })
                });
                is_repeated && calm.ask(&self.asks.fresh[mark], self.asks.deliveries[0].attempt, UNUSED).is_some()
            })
        })
    }
}

/// Nobody else's.
const UNUSED: Signature = Signature::P256([0xff; 64]);

struct Calm {
    store: Store,
    seen: Seen,
    mark: usize,
}

impl Calm {
    fn ask(&mut self, request: &Request, attempt: AttemptId, signature: Signature) -> Option<Recorded> {
        let (mut recording, mut step) = Recording::begin(request, attempt, &mut self.seen);
        loop {
            step = match step {
                Step::Confirm => {
                    let stored = Ok(self.store.read(self.mark).cloned());
                    Step::Done(recording.confirmed(stored, &mut self.seen))
                }
                Step::Read | Step::ReadBack => recording.read(Ok(self.store.read(self.mark).cloned()), &mut self.seen),
                Step::ReadOtherKinds => recording.other_kinds(Ok(None), &mut self.seen),
                Step::Sign => recording.signed(signature),
                Step::Write => {
                    let (new, expected) = recording.mark();
                    let outcome = match self.store.write(self.mark, new, expected, true) {
                        Write::Done { version, .. } => Ok(version),
                        Write::Changed => Err(WriteError::Changed),
                    };
                    recording.written(outcome, &mut self.seen)
                }
                Step::Done(verdict) => return verdict.ok(),
            };
        }
    }
}
