//! The state space: initial state, possible steps, and their effects.

use crate::hashed::Hashed;
use crate::history::History;
use crate::properties::properties;
use crate::setup::Loss;
use crate::state::Progress;
use crate::store::{ORIGINAL, Store};
use crate::task::{At, Task};
use crate::{Action, Broken, Fault, Protocol, State};
use azurehsm_signer::marks::{StoreError, WriteError};
use stateright::{Model, Property};

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.initial()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (request, progress) in state.progress.iter().enumerate() {
            match progress {
                Progress::Waiting => self.arrivals(state, request, actions),
                Progress::Active { task, .. } => self.actions_of(request, task, actions),
                Progress::Over => {}
            }
        }
        actions.extend((0..state.strays.len()).map(Action::StrayArrives));
        if state.faults == 0 {
            actions.retain(|action| !matches!(action, Action::Fault(..)));
        }
        if state.losses > 0 {
            match self.setup.losses.1 {
                Loss::Container => actions.push(Action::ContainerIsCreatedAgain),
                Loss::Mark => actions.extend((0..self.workload.marks.len()).map(Action::MarkIsLost)),
            }
        }
        for (instance, connection) in state.connected.iter().enumerate() {
            let Some(connection) = connection else { continue };
            if connection.container != state.store.container() {
                actions.push(Action::ContainerIsChecked(instance));
            }
            if connection.tag != state.tag {
                actions.push(Action::TagIsRead(instance));
            }
        }
        if state.crashes > 0 {
            // A new instance has nothing to lose.
            actions.extend((0..self.setup.instances).filter(|instance| !state.is_new(*instance)).map(Action::Crash));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let next = self.after(last.clone(), action)?;
        // In runs that are printed, instances keep their numbers.
        Some(if self.broken.is_none() { next.with_instances_in_order() } else { next })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

impl Protocol {
    pub(crate) fn initial(&self) -> State {
        State {
            seen: vec![vec![Hashed::default(); self.workload.marks.len()]; self.setup.instances],
            connected: vec![None; self.setup.instances],
            tag: ORIGINAL,
            progress: vec![Progress::Waiting; self.workload.deliveries.len()],
            store: Store::new(self.workload.marks.len()),
            strays: Vec::new(),
            history: History::new(self.workload.slots),
            endings: Vec::new(),
            crashes: self.setup.crashes,
            faults: self.setup.faults,
            losses: self.setup.losses.0,
        }
    }

    /// Whether a request can begin at an instance: another one may be writing the same mark there.
    pub(crate) fn can_arrive(&self, state: &State, request: usize, instance: usize) -> bool {
        let mark = self.job(request).mark;
        !state.progress.iter().enumerate().any(|(other, progress)| match progress {
            Progress::Active { instance: at, task } => {
                *at == instance && task.holds_the_mark() && self.job(other).mark == mark
            }
            Progress::Waiting | Progress::Over => false,
        })
    }

    fn arrivals(&self, state: &State, request: usize, actions: &mut Vec<Action>) {
        let is_next = self.delivery(request).after.is_none_or(|before| state.progress[before] != Progress::Waiting);
        if !is_next {
            return;
        }
        let mut new_before = false;
        for instance in 0..self.setup.instances {
            // New instances are interchangeable: try one.
            let is_new = state.is_new(instance) && self.setup.earlier == 0;
            if self.can_arrive(state, request, instance) && !(is_new && new_before) {
                actions.push(Action::Arrive { request, instance });
            }
            new_before |= is_new;
        }
    }

    /// The possible steps of a request in progress.
    fn actions_of(&self, request: usize, task: &Task, actions: &mut Vec<Action>) {
        let fault = |fault| Action::Fault(request, fault);
        match task.at {
            At::Reading | At::ReadingStops => actions.push(Action::StoreReads(request)),
            At::StopsAnswered(_) => actions.push(Action::ReadIsAnswered(request)),
            At::ReadAnswered(..) => actions.extend([Action::ReadIsAnswered(request), fault(Fault::ReadFails)]),
            At::Signing => actions.extend([Action::VaultSigns(request), fault(Fault::VaultFails)]),
            At::Writing => actions.extend([
                Action::StoreWrites(request),
                fault(Fault::WriteTimesOut),
                fault(Fault::WriteIsDuplicated),
                fault(Fault::WriteIsTurnedAway),
                fault(Fault::WriteIsSentAgain),
            ]),
            At::WriteAnswered(..) => {
                actions.extend([Action::WriteIsAnswered(request), fault(Fault::WriteAnswerIsLost)]);
            }
            At::Recorded(_) => {}
        }
        if !self.is_block(request) {
            let may_be_recorded_next = matches!(task.at, At::ReadAnswered(..) | At::WriteAnswered(..));
            match (task.signature, self.setup.slow_vault) {
                (None, true) => actions.push(Action::VaultSigns(request)),
                (Some(_), false) if may_be_recorded_next => actions.push(fault(Fault::VaultFails)),
                (None, false) | (Some(_), _) => {}
            }
        }
        actions.push(fault(Fault::Deadline));
    }

    /// The state after a step, if it is possible.
    pub(crate) fn after(&self, mut state: State, action: Action) -> Option<State> {
        let Some(request) = action.request_in_progress() else {
            self.happens(&mut state, action)?;
            return Some(state);
        };
        let progress = std::mem::replace(&mut state.progress[request], Progress::Over);
        let Progress::Active { instance, task } = progress else { return None };
        let mut task = (*task).clone();
        let mark = self.job(request).mark;
        let step = match (action, std::mem::replace(&mut task.at, At::Reading)) {
            (Action::Fault(_, fault), at) => {
                task.at = at;
                self.fault(&mut state, request, instance, task, fault);
                return Some(state);
            }
            (Action::StoreReads(_), At::ReadingStops) => {
                task.at = At::StopsAnswered(state.store.stops());
                state.progress[request] = Progress::active(instance, task);
                return Some(state);
            }
            (Action::ReadIsAnswered(_), At::StopsAnswered(stops)) => {
                self.stops_are_read(&mut state, request, instance, &mut task, stops)
            }
            (Action::StoreReads(_), _) => {
                task.at = At::ReadAnswered(state.store.read(mark).cloned().map(Box::new), state.store.container());
                state.progress[request] = Progress::active(instance, task);
                return Some(state);
            }
            (Action::ReadIsAnswered(_), At::ReadAnswered(stored, container)) => {
                let answer = if self.is_expected(&state, instance, container) {
                    Ok(stored.map(|stored| *stored))
                } else {
                    Err(StoreError::new("another container"))
                };
                state.seen[instance][mark].update(|seen| {
                    if std::mem::take(&mut task.is_confirming) {
                        task.recording.confirmed(answer, seen)
                    } else {
                        task.recording.read(answer, seen)
                    }
                })
            }
            (Action::VaultSigns(_), At::Signing) => task.recording.signed(self.vault_signs(&mut state, request)),
            (Action::VaultSigns(_), at) => {
                task.signature = Some(self.vault_signs(&mut state, request));
                if let At::Recorded(recorded) = at {
                    self.vote_is_recorded(&mut state, request, instance, task, recorded);
                } else {
                    task.at = at;
                    state.progress[request] = Progress::active(instance, task);
                }
                return Some(state);
            }
            (Action::StoreWrites(_), _) => {
                task.at = At::Writing;
                let write = task.on_its_way(mark)?;
                task.at = At::WriteAnswered(self.store_writes(&mut state, &write), state.store.container());
                state.progress[request] = Progress::active(instance, task);
                return Some(state);
            }
            (Action::WriteIsAnswered(_), At::WriteAnswered(outcome, container)) => {
                let stored = state.store.read(mark).map(|stored| stored.version.clone());
                let outcome = if self.is(Broken::BlindRetry) && task.is_resent { outcome.or(stored) } else { outcome };
                let answer = if self.is_expected(&state, instance, container) {
                    outcome.ok_or(WriteError::Changed)
                } else {
                    Err(WriteError::Unknown(StoreError::new("another container")))
                };
                state.seen[instance][mark].update(|seen| task.recording.written(answer, seen))
            }
            _ => return None,
        };
        self.go_on(&mut state, request, instance, task, step);
        Some(state)
    }

    /// A step that is not one of a request in progress.
    fn happens(&self, state: &mut State, action: Action) -> Option<()> {
        match action {
            Action::Arrive { request, instance } => self.arrive(state, request, instance),
            Action::StrayArrives(number) => {
                let stray = state.strays.remove(number);
                self.store_writes(state, &stray);
            }
            Action::Crash(instance) => self.crash(state, instance),
            Action::ContainerIsChecked(instance) => {
                let container = state.store.container();
                let connection = state.connected[instance].as_mut()?;
                (connection.container, connection.is_recreated) = (container, true);
            }
            Action::TagIsRead(instance) => state.connected[instance].as_mut()?.tag = state.tag,
            Action::ContainerIsCreatedAgain => {
                state.losses -= 1;
                state.store.create_again();
            }
            Action::MarkIsLost(mark) => {
                state.losses -= 1;
                state.store.lose(mark);
            }
            Action::StoreReads(_)
            | Action::ReadIsAnswered(_)
            | Action::VaultSigns(_)
            | Action::StoreWrites(_)
            | Action::WriteIsAnswered(_)
            | Action::Fault(..) => return None,
        }
        Some(())
    }

    /// Whether an answer comes from the container that the instance has checked: each item names its container.
    fn is_expected(&self, state: &State, instance: usize, container: u8) -> bool {
        let checked = state.connected[instance].map(|connection| connection.container);
        self.is(Broken::ContainerNotCompared) || checked == Some(container)
    }
}
