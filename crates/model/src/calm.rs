//! Liveness: whether a state without further faults leads to answers.

use crate::properties::has_next_step;
use crate::recording::{Recorded, Recording, Step};
use crate::state::Progress;
use crate::store::{Store, Write};
use crate::{Protocol, State};
use azurehsm_signer::marks::{AttemptId, Request, Seen, WriteError};
use azurehsm_signer::tezos::Signature;

impl Protocol {
    /// Whether nothing is stuck: wherever no step is possible, all requests are answered, and no request retries forever.
    pub(crate) fn is_answered(&self, state: &State, max_writes: u8) -> bool {
        let is_bounded = state.progress.iter().all(|progress| match progress {
            Progress::Active { task, .. } => task.writes <= max_writes,
            Progress::Waiting | Progress::Over => true,
        });
        is_bounded && (has_next_step(self, state) || state.is_over())
    }

    /// Whether every instance signs what it must: a repeat of the last recorded request, and a new one.
    pub(crate) fn answers_in_calm(&self, state: &State) -> bool {
        (0..self.setup.instances).all(|instance| {
            (0..self.workload.marks.len()).all(|mark| {
                let mut calm = Calm { store: state.store.clone(), seen: (*state.seen[instance][mark]).clone(), mark };
                let stored = state.store.read(mark).map(|stored| &stored.mark);
                let last = stored.and_then(|stored| {
                    let is_last = |request: &Request| Some(request.digest) == stored.digest;
                    self.workload.jobs.iter().map(|job| job.request).find(is_last)
                });
                let is_repeated = last.is_none_or(|request| {
                    calm.record(&request, self.workload.deliveries[0].attempt, UNUSED).is_some_and(|recorded| {
                        match recorded {
                            Recorded::Vote(_) => true,
                            Recorded::Block(block) => {
                                Some(block.release()) == stored.and_then(|stored| stored.signature)
                            }
                        }
                    })
                });
                is_repeated
                    && calm.record(&self.workload.fresh[mark], self.workload.deliveries[0].attempt, UNUSED).is_some()
            })
        })
    }
}

/// A signature that belongs to no delivery.
const UNUSED: Signature = Signature::P256([0xff; 64]);

struct Calm {
    store: Store,
    seen: Seen,
    mark: usize,
}

impl Calm {
    fn record(&mut self, request: &Request, attempt: AttemptId, signature: Signature) -> Option<Recorded> {
        let (mut recording, mut step) = Recording::begin(request, attempt, None, &mut self.seen);
        loop {
            step = match step {
                Step::Confirm => {
                    let stored = Ok(self.store.read(self.mark).cloned());
                    recording.confirmed(stored, &mut self.seen)
                }
                Step::ReadStops => recording.stops(Ok(None), &mut self.seen),
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
