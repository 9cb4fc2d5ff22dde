//! The state space of signers, commands and watchers.

use super::properties::properties;
use super::state::Watcher;
use super::{BrokenWitness, WitnessAction, WitnessSetup, WitnessState};
use crate::Setup;
use crate::hashed::Hashed;
use crate::stops::{StopAction, StopProtocol};
use crate::workload::Workload;
use azurehsm_signer::marks::MarkId;
use azurehsm_signer::tezos::Digest;
use azurehsm_signer::tezos::payload::Position;
use stateright::{Model, Property};

/// Signers, an operator, another signer with the same key, and watchers, within the bounds of a setup: correct, or broken in one
/// way.
pub struct WitnessProtocol {
    pub(super) setup: WitnessSetup,
    pub(super) here: StopProtocol,
    /// What the chain may show: the votes of the signers here, then those of the other one.
    pub(super) votes: Vec<Vote>,
    broken: Option<BrokenWitness>,
}

/// A vote that the chain may show.
pub(super) struct Vote {
    pub(super) id: MarkId,
    pub(super) slot: usize,
    pub(super) position: Position,
    pub(super) digest: Digest,
    pub(super) is_ours: bool,
    /// The number of the stop that it is evidence for.
    pub(super) number: u8,
}

impl Vote {
    /// The stop that it is evidence for, as a bit.
    pub(super) const fn evidence(&self) -> u8 {
        1 << self.number
    }
}

/// The first number of a stop with evidence.
const FIRST_EVIDENCE: u8 = 4;

impl WitnessProtocol {
    /// A model of a correct witness, or of a broken one.
    ///
    /// # Errors
    /// If the product's decoder rejects a payload of the model.
    pub fn new(setup: WitnessSetup, broken: Option<BrokenWitness>) -> Result<Self, String> {
        let here = StopProtocol::new(setup.here, None)?;
        let of_others = Setup { first_baker: 100, bakers: 1, ..setup.here.signers };
        let others = Workload::of(&of_others, None)?;
        let ours = here.signers.workload.jobs.iter().map(|job| (job, true));
        let is_elsewhere = |level: u32| setup.elsewhere.iter().any(|elsewhere| u32::from(*elsewhere) == level);
        let others = others.jobs.iter().filter(|job| is_elsewhere(job.request.position.level.get()));
        let votes = ours.chain(others.map(|job| (job, false))).zip(0_u8..).map(|((job, is_ours), number)| Vote {
            id: job.request.id,
            slot: job.slot,
            position: job.request.position,
            digest: job.request.digest,
            is_ours,
            // What is ours is never evidence: only a broken variant finds that.
            number: FIRST_EVIDENCE + if is_ours { 3 } else { number % 3 },
        });
        let votes = votes.collect();
        Ok(Self { setup, here, votes, broken })
    }

    pub(super) fn is(&self, broken: BrokenWitness) -> bool {
        self.broken == Some(broken)
    }

    /// Describes a step in words.
    pub fn describe(&self, action: WitnessAction) -> String {
        match action {
            WitnessAction::Here(action) => self.here.describe(action),
            WitnessAction::SignedElsewhere(number) => {
                format!("another signer signs at level {}", self.setup.elsewhere[usize::from(number)])
            }
            WitnessAction::BlockIsRead { watcher, vote } => {
                let Vote { position, is_ours, .. } = self.votes[vote];
                let whose = if is_ours { "our own" } else { "another signer's" };
                format!("watcher {watcher} reads a block with {whose} vote for level {}", position.level)
            }
            WitnessAction::Watcher(watcher) => format!("watcher {watcher} goes on"),
        }
    }

    /// Whether the chain may show a vote: it was released.
    fn is_visible(&self, state: &WitnessState, number: usize) -> bool {
        let vote = &self.votes[number];
        if vote.is_ours {
            return state.here.signers.history.has_released(vote.slot, vote.digest);
        }
        state.elsewhere[number - self.here.signers.workload.jobs.len()]
    }
}

impl Model for WitnessProtocol {
    type State = WitnessState;
    type Action = WitnessAction;

    fn init_states(&self) -> Vec<WitnessState> {
        let of = |here| WitnessState {
            here,
            elsewhere: vec![false; self.setup.elsewhere.len()],
            watchers: vec![Hashed::new(Watcher::default()); self.setup.watchers],
            silent: Vec::new(),
            false_alarm: false,
            overlooked: false,
            stopped_again: false,
        };
        self.here.init_states().into_iter().map(of).collect()
    }

    fn actions(&self, state: &WitnessState, actions: &mut Vec<WitnessAction>) {
        let mut here = Vec::new();
        self.here.actions(&state.here, &mut here);
        actions.extend(here.into_iter().map(WitnessAction::Here));
        for (number, has_signed) in (0..).zip(&state.elsewhere) {
            if !has_signed {
                actions.push(WitnessAction::SignedElsewhere(number));
            }
        }
        for (watcher, progress) in state.watchers.iter().enumerate() {
            match &**progress {
                Watcher::Done { .. } => {}
                Watcher::Waiting if self.is(BrokenWitness::MarksReadFirst) => {
                    actions.push(WitnessAction::Watcher(watcher));
                }
                Watcher::Waiting | Watcher::MarksRead(_) => {
                    // Watchers are interchangeable, so it is enough that they begin in order.
                    let is_next = watcher == 0 || *state.watchers[watcher - 1] != Watcher::Waiting;
                    let visible = (0..self.votes.len()).filter(|vote| is_next && self.is_visible(state, *vote));
                    actions.extend(visible.map(|vote| WitnessAction::BlockIsRead { watcher, vote }));
                }
                _ => actions.push(WitnessAction::Watcher(watcher)),
            }
        }
    }

    fn next_state(&self, last: &WitnessState, action: WitnessAction) -> Option<WitnessState> {
        let mut state = last.clone();
        match action {
            WitnessAction::Here(StopAction::Signers(action)) => {
                state.here.signers = self.here.signers.after(state.here.signers, action)?;
                if self.broken.is_none() && self.setup.here.signers.earlier == 0 {
                    state.here.signers = state.here.signers.with_instances_in_order();
                }
            }
            WitnessAction::Here(StopAction::Command(command)) => self.here.go_on(&mut state.here, command),
            WitnessAction::SignedElsewhere(number) => state.elsewhere[usize::from(number)] = true,
            WitnessAction::BlockIsRead { watcher, vote } => self.block_is_read(&mut state, watcher, vote),
            WitnessAction::Watcher(watcher) => self.go_on(&mut state, watcher),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}
