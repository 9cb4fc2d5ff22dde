//! The state space of signers and recoveries.

use super::properties::properties;
use super::state::Run;
use super::{BrokenRecovery, RecoveryAction, RecoverySetup, RecoveryState};
use crate::hashed::Hashed;
use crate::protocol::CheckAgain;
use crate::{Action, Protocol};
use stateright::{Model, Property};

/// Signers whose store loses its marks, and operators who recover it, within the bounds of a setup: correct, or broken in one way.
pub struct RecoveryProtocol {
    pub(super) setup: RecoverySetup,
    pub(super) signers: Protocol,
    broken: Option<BrokenRecovery>,
}

impl RecoveryProtocol {
    /// A model of correct recoveries, or of broken ones.
    ///
    /// # Errors
    /// If the product's decoder rejects a payload of the model.
    pub fn new(setup: RecoverySetup, broken: Option<BrokenRecovery>) -> Result<Self, String> {
        let mut signers = Protocol::new(setup.signers, None)?;
        signers.check_again = match broken {
            Some(BrokenRecovery::ComparedOnce) => CheckAgain::No,
            Some(BrokenRecovery::ComparedWithLaterTag) => CheckAgain::LatestTag,
            _ => CheckAgain::SameTag,
        };
        if broken == Some(BrokenRecovery::SealedWithoutRid) {
            signers.compare_without_rid();
        }
        Ok(Self { setup, signers, broken })
    }

    pub(super) fn is(&self, broken: BrokenRecovery) -> bool {
        self.broken == Some(broken)
    }

    /// Describes a step in words.
    pub fn describe(&self, action: RecoveryAction) -> String {
        match action {
            RecoveryAction::Signers(action) => self.signers.describe(action),
            RecoveryAction::BackUp => "the marks are copied".to_owned(),
            RecoveryAction::Restore => "the marks are restored from the copy".to_owned(),
            RecoveryAction::Recover(number) => format!("recovery {number} goes on"),
        }
    }

    /// The highest level that a signature was released for.
    pub(super) fn highest_released(&self, state: &RecoveryState) -> u8 {
        let released = self
            .signers
            .workload
            .jobs
            .iter()
            .filter(|job| state.signers.history.has_released(job.slot, job.request.digest));
        released.filter_map(|job| u8::try_from(job.request.position.level.get()).ok()).max().unwrap_or(0)
    }
}

impl Model for RecoveryProtocol {
    type State = RecoveryState;
    type Action = RecoveryAction;

    fn init_states(&self) -> Vec<RecoveryState> {
        let runs = vec![Hashed::new(Run::default()); self.setup.recoveries];
        vec![RecoveryState { signers: self.signers.initial(), runs, requested: 0, is_complete: true }]
    }

    fn actions(&self, state: &RecoveryState, actions: &mut Vec<RecoveryAction>) {
        let mut of_signers = Vec::new();
        self.signers.actions(&state.signers, &mut of_signers);
        // What is restored in place is a copy, at least of nothing.
        of_signers.retain(|action| !(self.setup.is_in_place && *action == Action::ContainerIsCreatedAgain));
        actions.extend(of_signers.into_iter().map(RecoveryAction::Signers));
        if state.signers.losses > 0 {
            let has_backup = state.signers.store.has_backup();
            actions.push(if has_backup { RecoveryAction::Restore } else { RecoveryAction::BackUp });
        }
        let recoveries = 0..self.setup.recoveries;
        actions.extend(recoveries.filter(|number| self.can_go_on(state, *number)).map(RecoveryAction::Recover));
    }

    fn next_state(&self, last: &RecoveryState, action: RecoveryAction) -> Option<RecoveryState> {
        let mut state = last.clone();
        match action {
            RecoveryAction::Signers(action) => {
                state.requested = state.requested.max(self.signers.level_of(action));
                state.is_complete &= action != Action::ContainerIsCreatedAgain;
                state.signers = self.signers.after(state.signers, action)?;
                if self.broken.is_none() {
                    state.signers = state.signers.with_instances_in_order();
                }
            }
            RecoveryAction::BackUp => state.signers.store.back_up(),
            RecoveryAction::Restore => {
                state.signers.losses -= 1;
                state.signers.store.restore(self.setup.is_in_place);
                state.is_complete = false;
            }
            RecoveryAction::Recover(number) => self.go_on(&mut state, number),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}
