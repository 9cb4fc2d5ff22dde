//! The state space of two stores.

use super::properties::properties;
use super::state::Run;
use super::{BrokenHandover, HandoverAction, HandoverSetup, HandoverState};
use crate::hashed::Hashed;
use crate::history::Violations;
use crate::stops::StopProtocol;
use stateright::{Model, Property};

/// Two stores with their signers, and an operator who hands the key over, within the bounds of a setup: correct, or broken in one
/// way.
pub struct HandoverProtocol {
    pub(super) setup: HandoverSetup,
    pub(super) sites: [StopProtocol; 2],
    broken: Option<BrokenHandover>,
}

impl HandoverProtocol {
    /// A model of a correct handover, or of a broken one.
    ///
    /// # Errors
    /// If the product's decoder rejects a payload of the model.
    pub fn new(setup: HandoverSetup, broken: Option<BrokenHandover>) -> Result<Self, String> {
        let [a, b] = setup.sites();
        Ok(Self { setup, sites: [StopProtocol::new(a, None)?, StopProtocol::new(b, None)?], broken })
    }

    pub(super) fn is(&self, broken: BrokenHandover) -> bool {
        self.broken == Some(broken)
    }

    /// Describes a step in words.
    pub fn describe(&self, action: HandoverAction) -> String {
        match action {
            HandoverAction::Signers(site, action) => {
                let name = if site == 0 { "A" } else { "B" };
                format!("{name}: {}", self.sites[site].signers.describe(action))
            }
            HandoverAction::Operator => "the operator goes on".to_owned(),
        }
    }

    /// The store that the key is at in the end.
    pub(super) fn last_site(&self) -> usize {
        usize::from(self.setup.handovers == 1)
    }
}

impl Model for HandoverProtocol {
    type State = HandoverState;
    type Action = HandoverAction;

    fn init_states(&self) -> Vec<HandoverState> {
        let [a, b] = [0, 1].map(|site| self.sites[site].init_states());
        let run = if self.is(BrokenHandover::ExportedFirst) {
            Run::ExportFirst
        } else {
            Run::Stop { handover: 0, exported: None }
        };
        let is_started = self.is(BrokenHandover::StartedFirst);
        let of_sites = |(a, b)| HandoverState {
            sites: [a, b],
            run: Hashed::new(run.clone()),
            requested: 0,
            is_started,
            violations: Violations::default(),
        };
        a.into_iter().zip(b).map(of_sites).collect()
    }

    fn actions(&self, state: &HandoverState, actions: &mut Vec<HandoverAction>) {
        for site in 0..=usize::from(state.is_started) {
            let mut of_signers = Vec::new();
            self.sites[site].signers.actions(&state.sites[site].signers, &mut of_signers);
            actions.extend(of_signers.into_iter().map(|action| HandoverAction::Signers(site, action)));
        }
        if *state.run != Run::Over {
            actions.push(HandoverAction::Operator);
        }
    }

    fn next_state(&self, last: &HandoverState, action: HandoverAction) -> Option<HandoverState> {
        let mut state = last.clone();
        match action {
            HandoverAction::Signers(site, action) => {
                state.requested = state.requested.max(self.sites[site].signers.level_of(action));
                let signers = self.sites[site].signers.after(state.sites[site].signers.clone(), action)?;
                state.sites[site].signers =
                    if self.broken.is_none() { signers.with_instances_in_order() } else { signers };
            }
            HandoverAction::Operator => self.go_on(&mut state),
        }
        let [a, b] = &state.sites;
        state.violations = a.signers.history.violations.or(b.signers.history.violations);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}
