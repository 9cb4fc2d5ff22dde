//! Invariants of stops, in addition to those of the signers.

use super::setup::Command;
use super::state::Run;
use super::{StopProtocol, StopState};
use crate::history::Observed;
use crate::properties::{has_next_step, of_signers};
use crate::state::Progress;
use crate::task::At;
use stateright::Property;

/// Name of the property that every signature that leaves after a stop has a mark from before.
pub(crate) const LEFT: &str = "what leaves is older";
/// Name of the property that marks exported after a stop cover everything that leaves, as a handover needs.
pub(crate) const EXPORTED: &str = "what leaves is exported";

pub(super) fn properties() -> Vec<Property<StopProtocol>> {
    let of_stops: Vec<Property<StopProtocol>> = vec![
        Property::always(LEFT, |_, state: &StopState| !state.violations().left_after_stop),
        Property::always(EXPORTED, |_, state: &StopState| !state.violations().left_unexported),
        Property::always("every request and command ends", |protocol: &StopProtocol, state: &StopState| {
            has_next_step(protocol, state) || state.signers.is_over()
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
    ];
    of_signers::<StopProtocol>().into_iter().chain(of_stops).collect()
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
