//! The state space of signers and commands.

use super::properties::properties;
use super::setup::Command;
use super::state::Run;
use super::{BrokenStop, StopAction, StopSetup, StopState};
use crate::Protocol;
use crate::hashed::Hashed;
use stateright::{Model, Property};

/// Signers, and commands that stop and resume the key, within the bounds of a setup: correct, or broken in one way.
pub struct StopProtocol {
    pub(crate) setup: StopSetup,
    pub(crate) signers: Protocol,
}

impl StopProtocol {
    /// A model of correct stops, or of broken ones.
    ///
    /// # Errors
    /// If the product's decoder rejects a payload of the model.
    pub fn new(setup: StopSetup, broken: Option<BrokenStop>) -> Result<Self, String> {
        let mut signers = Protocol::new(setup.signers, None)?;
        signers.broken_stop = broken;
        Ok(Self { setup, signers })
    }

    pub(super) fn is(&self, broken: BrokenStop) -> bool {
        self.signers.broken_stop == Some(broken)
    }

    /// Describes a step in words.
    pub fn describe(&self, action: StopAction) -> String {
        match action {
            StopAction::Signers(action) => self.signers.describe(action),
            StopAction::Command(number) => match self.setup.commands[number] {
                Command::Stop(stop) => format!("the command that writes stop {stop} goes on"),
                Command::Resume => "the resume goes on".to_owned(),
                Command::Spread => "stops are written into marks that lack them".to_owned(),
            },
        }
    }
}

impl Model for StopProtocol {
    type State = StopState;
    type Action = StopAction;

    fn init_states(&self) -> Vec<StopState> {
        let runs = vec![Hashed::new(Run::default()); self.setup.commands.len()];
        vec![StopState { signers: self.signers.initial(), runs, resumes_at: None }]
    }

    fn actions(&self, state: &StopState, actions: &mut Vec<StopAction>) {
        let mut of_signers = Vec::new();
        self.signers.actions(&state.signers, &mut of_signers);
        actions.extend(of_signers.into_iter().map(StopAction::Signers));
        let commands = 0..self.setup.commands.len();
        actions.extend(commands.filter(|command| self.can_go_on(state, *command)).map(StopAction::Command));
    }

    fn next_state(&self, last: &StopState, action: StopAction) -> Option<StopState> {
        let mut state = last.clone();
        match action {
            StopAction::Signers(action) => {
                state.signers = self.signers.after(state.signers, action)?;
                if self.signers.broken_stop.is_none() && self.setup.signers.earlier == 0 {
                    state.signers = state.signers.with_instances_in_order();
                }
            }
            StopAction::Command(command) => self.go_on(&mut state, command),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}
