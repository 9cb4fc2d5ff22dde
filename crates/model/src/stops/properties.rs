//! Invariants of stops, in addition to those of the signers.

use super::setup::Command;
use super::state::Run;
use super::{StopProtocol, StopState};
use crate::history::{ONE_DIGEST, ONE_SIGNATURE, Violations};
use crate::state::Progress;
use crate::task::At;
use stateright::{Model, Property};

/// Name of the property that every signature that leaves after a stop has a mark from before.
pub(super) const LEFT: &str = "what leaves is older";
/// Name of the property that marks exported after a stop cover everything that leaves, as a handover needs.
pub(super) const EXPORTED: &str = "what leaves is exported";

pub(super) fn properties() -> Vec<Property<StopProtocol>> {
    const fn of(state: &StopState) -> &Violations {
        &state.signers.history.violations
    }
    vec![
        Property::always(ONE_DIGEST, |_, state: &StopState| !of(state).two_digests),
        Property::always(ONE_SIGNATURE, |_, state: &StopState| !of(state).two_signatures),
        Property::always("marks only rise", |_, state: &StopState| !of(state).mark_fell),
        Property::always("released only what is recorded", |_, state: &StopState| !of(state).not_recorded),
        Property::always(LEFT, |_, state: &StopState| !of(state).left_after_stop),
        Property::always(EXPORTED, |_, state: &StopState| !of(state).left_unexported),
        Property::always("a repeat is refused only by a stop", |_, state: &StopState| !of(state).repeat_refused),
        Property::always("a refusal has its reason", |_, state: &StopState| !of(state).refused_without_reason),
        Property::always("a resume is not a loss", |_, state: &StopState| !of(state).failed_without_fault),
        Property::always("every request and command ends", |protocol: &StopProtocol, state: &StopState| {
            let mut actions = Vec::new();
            protocol.actions(state, &mut actions);
            !actions.is_empty() || state.signers.is_over()
        }),
        Property::always("a resumed key signs", |protocol: &StopProtocol, state: &StopState| {
            !state.signers.is_over() || state.has_stops() || protocol.signers.answers_in_calm(&state.signers)
        }),
        Property::sometimes("a process finds a stop that its mark lacks", |_, state: &StopState| {
            state.signers.progress.iter().any(|progress| match progress {
                Progress::Active { task, .. } => matches!(task.at, At::StopsAnswered(stops) if stops != 0),
                Progress::Waiting | Progress::Over => false,
            }) && state.has_unstopped_mark()
        }),
        Property::sometimes(
            "all is signed, and all commands are over",
            |protocol: &StopProtocol, state: &StopState| {
                let is_over = |(run, command): (&crate::hashed::Hashed<Run>, &Command)| match command {
                    Command::Stop(_) | Command::Resume => **run == Run::Done,
                    Command::Spread => true,
                };
                state.signers.history.is_all_released() && state.runs.iter().zip(protocol.setup.commands).all(is_over)
            },
        ),
    ]
}

impl StopState {
    /// Whether the key is stopped, somewhere.
    fn has_stops(&self) -> bool {
        let is_stopped = |mark| self.signers.store.read(mark).is_some_and(|stored| stored.mark.stop.is_some());
        self.signers.store.stops() != 0 || (0..self.signers.store.len()).any(is_stopped)
    }

    fn has_unstopped_mark(&self) -> bool {
        let is_free = |mark| self.signers.store.read(mark).is_some_and(|stored| stored.mark.stop.is_none());
        (0..self.signers.store.len()).any(is_free)
    }
}
