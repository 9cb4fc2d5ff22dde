use crate::ask::{Ask, Asks, Delivery};
use crate::hashed::Hashed;
use crate::history::History;
use crate::properties::properties;
use crate::recording::{Recorded, Recording, Step};
use crate::setup::Loss;
use crate::state::Progress;
use crate::store::{ORIGINAL, Store, Write};
use crate::task::{At, Stray, Task};
use crate::{Action, Broken, Fault, Setup, State};
use azurehsm_signer::marks::binding::{self, Bound, BoundElsewhere, StoreId, StoreName};
use azurehsm_signer::marks::{NotRecorded, Seen, StoreError, Version, VoteRecorded, WriteError};
use azurehsm_signer::tezos::Signature;
use azurehsm_signer::tezos::payload::Kind;
use stateright::{Model, Property};
use std::collections::BTreeSet;

/// The protocol within the bounds of a setup: as it is, or broken in one way.
pub struct Protocol {
    pub(crate) setup: Setup,
    pub(crate) broken: Option<Broken>,
    pub(crate) asks: Asks,
    /// For each container there may be, whether the key's tag lets it be used.
    may_be_used: Vec<bool>,
}

impl Protocol {
    /// A model of the protocol as it is, or of one that is `broken`.
    ///
    /// # Errors
    /// If the product's decoder does not know the payloads.
    pub fn new(setup: Setup, broken: Option<Broken>) -> Result<Self, String> {
        let may_be_used = (0..=setup.losses.0).map(|container| is_bound_to_original(container).is_ok()).collect();
        Ok(Self { setup, broken, asks: Asks::of(&setup, broken)?, may_be_used })
    }

    /// What happens, in words.
    pub fn describe(&self, action: Action) -> String {
        let named = |request: usize| {
            let Delivery { ask, after, .. } = self.asks.deliveries[request];
            let again = if after.is_some() { ", asked again" } else { "" };
            format!("#{request} ({}{again})", self.asks.wanted[ask].name)
        };
        match action {
            Action::Arrive { request, instance } => format!("instance {instance} receives {}", named(request)),
            Action::StoreReads(request) => format!("the store reads the mark for #{request}"),
            Action::ReadIsAnswered(request) => format!("#{request} learns of the mark"),
            Action::VaultSigns(request) => format!("the vault signs for #{request}"),
            Action::StoreWrites(request) => format!("the write of #{request} arrives at the store"),
            Action::WriteIsAnswered(request) => format!("#{request} learns what became of its write"),
            Action::StrayArrives(number) => {
                format!("write {number} of those that nobody waits for arrives at the store")
            }
            Action::Crash(instance) => format!("instance {instance} dies and starts anew"),
            Action::ContainerIsCreatedAgain => "the container is deleted and created again".to_owned(),
            Action::MarkIsLost(mark) => format!("the store loses mark {mark}"),
            Action::Fault(request, fault) => format!("#{request}: {fault:?}"),
        }
    }

    pub(crate) fn delivery(&self, request: usize) -> &Delivery {
        &self.asks.deliveries[request]
    }

    pub(crate) fn ask(&self, request: usize) -> &Ask {
        &self.asks.wanted[self.delivery(request).ask]
    }

    pub(crate) fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    pub(crate) fn is_block(&self, request: usize) -> bool {
        self.ask(request).request.id.kind == Kind::Block
    }

    fn store_is_conditional(&self) -> bool {
        !self.is(Broken::UnconditionalWrite) && !self.is(Broken::ReadInsteadOfCompare)
    }

    /// A request arrives, and is begun.
    fn arrive(&self, state: &mut State, request: usize, instance: usize) {
        let Ask { request: asked, mark, .. } = self.ask(request);
        let container = *state.connected[instance].get_or_insert(state.store.container());
        if !self.is(Broken::KeyNotBound) && !self.may_be_used[usize::from(container)] {
            state.progress[request] = Progress::Over;
            return;
        }
        let (recording, step) = state.seen[instance][*mark].update(|seen| {
            if self.is(Broken::ReadInsteadOfCompare) || self.is(Broken::LossNotNoticed) {
                *seen = Seen::default();
            }
            Recording::begin(asked, self.delivery(request).attempt, seen)
        });
        let is_prompt = !self.setup.slow_vault && !self.is_block(request);
        let made = is_prompt.then(|| self.delivery(request).signature);
        self.go_on(state, request, instance, Task::new(recording, made), step);
    }

    /// Does what the product says is next, as far as nothing has to be waited for.
    pub(crate) fn go_on(&self, state: &mut State, request: usize, instance: usize, mut task: Task, step: Step) {
        match step {
            Step::Read | Step::ReadBack => task.at = At::Reading,
            // No request of the model has a limit, so marks of other kinds decide nothing here.
            Step::ReadOtherKinds => {
                let mark = self.ask(request).mark;
                let seen = &mut state.seen[instance][mark];
                let next = seen.update(|seen| task.recording.other_kinds(Ok(None), seen));
                return self.go_on(state, request, instance, task, next);
            }
            Step::Confirm => {
                task.at = At::Reading;
                task.is_confirming = true;
            }
            Step::Sign => task.at = At::Signing,
            Step::Write => {
                task.at = At::Writing;
                task.writes += 1;
                if self.is(Broken::CachedMarkTrusted) {
                    return self.write_behind(state, request, instance, task);
                }
            }
            Step::Done(Ok(Recorded::Block(recorded))) => {
                let own = self.delivery(request).signature;
                let released = if self.is(Broken::BlockRepeatSignedAgain) { own } else { recorded.release() };
                self.release(state, request, released);
                state.progress[request] = Progress::Over;
                return;
            }
            Step::Done(Ok(Recorded::Vote(recorded))) => {
                return self.vote_is_recorded(state, request, instance, task, recorded);
            }
            Step::Done(Err(why)) => {
                self.not_signed(state, request, &why);
                state.progress[request] = Progress::Over;
                return;
            }
        }
        state.progress[request] = Progress::active(instance, task);
    }

    fn vote_is_recorded(&self, state: &mut State, request: usize, instance: usize, task: Task, recorded: VoteRecorded) {
        let Some(made) = task.made else {
            if !self.setup.slow_vault {
                state.progress[request] = Progress::Over;
                return;
            }
            state.progress[request] = Progress::active(instance, Task { at: At::Recorded(recorded), ..task });
            return;
        };
        self.release(state, request, recorded.release(made));
        state.progress[request] = Progress::Over;
    }

    /// Broken: the store is told, and its answer not waited for.
    fn write_behind(&self, state: &mut State, request: usize, instance: usize, mut task: Task) {
        let mark = self.ask(request).mark;
        state.strays.extend(task.on_its_way(mark));
        let known = Ok(Version("not known".to_owned()));
        let step = state.seen[instance][mark].update(|seen| task.recording.written(known, seen));
        self.go_on(state, request, instance, task, step);
    }

    /// The signature that the vault makes for a request. Broken: it leaves at once.
    fn vault_signs(&self, state: &mut State, request: usize) -> Signature {
        let signature = self.delivery(request).signature;
        if self.is(Broken::ReleaseBeforeCommit) {
            self.release(state, request, signature);
        }
        signature
    }

    fn release(&self, state: &mut State, request: usize, signature: Signature) {
        let Ask { request: asked, slot, .. } = self.ask(request);
        state.history.release(*slot, self.is_block(request), asked.digest, signature);
    }

    fn not_signed(&self, state: &mut State, request: usize, why: &NotRecorded) {
        let Ask { request: asked, mark, slot, .. } = self.ask(request);
        if state.store.has_lost() {
            return;
        }
        match why {
            NotRecorded::Store(_) | NotRecorded::Lost(_) | NotRecorded::TooManyChains { .. } => {
                let is_calm = state.faults == self.setup.faults && state.crashes == self.setup.crashes;
                state.history.wrongs.failed_without_fault |= is_calm;
            }
            NotRecorded::NotSafe(_) => {
                let at = state.store.read(*mark).map(|stored| stored.mark.position);
                let is_below = at.is_some_and(|at| asked.position < at);
                let is_recorded = state.history.has_recorded(*slot, asked.digest);
                let is_taken = at == Some(asked.position) && !is_recorded;
                state.history.wrongs.repeat_refused |= is_recorded && !is_below;
                state.history.wrongs.refused_without_reason |= !is_below && !is_taken;
            }
        }
    }

    pub(crate) fn store_writes(&self, state: &mut State, write: &Stray) -> Option<Version> {
        let Stray { mark, new, expected } = write;
        let done = state.store.write(*mark, new, expected.as_ref(), self.store_is_conditional());
        let Write::Done { version, has_risen } = done else { return None };
        let is_written = |ask: &&Ask| ask.mark == *mark && Some(ask.request.digest) == new.digest;
        if let Some(ask) = self.asks.wanted.iter().find(is_written) {
            state.history.record(ask.slot, ask.request.digest, has_risen, state.store.has_lost());
        }
        if self.store_is_conditional() {
            // Versions do not come back, so these can do nothing any more.
            let store = &state.store;
            state.strays.retain(|stray| store.is_at(stray.mark, stray.expected.as_ref()));
        }
        Some(version)
    }

    /// What can happen to a request in an instance, beside a deadline.
    fn actions_of(&self, request: usize, task: &Task, actions: &mut Vec<Action>) {
        let fault = |fault| Action::Fault(request, fault);
        match task.at {
            At::Reading => actions.push(Action::StoreReads(request)),
            At::Told(..) => actions.extend([Action::ReadIsAnswered(request), fault(Fault::ReadFails)]),
            At::Signing => actions.extend([Action::VaultSigns(request), fault(Fault::VaultFails)]),
            At::Writing => actions.extend([
                Action::StoreWrites(request),
                fault(Fault::WriteTimesOut),
                fault(Fault::WriteIsDuplicated),
                fault(Fault::WriteIsTurnedAway),
                fault(Fault::WriteIsSentAgain),
            ]),
            At::Wrote(..) => actions.extend([Action::WriteIsAnswered(request), fault(Fault::WriteAnswerIsLost)]),
            At::Recorded(_) => {}
        }
        if !self.is_block(request) {
            let may_be_recorded_next = matches!(task.at, At::Told(..) | At::Wrote(..));
            match (task.made, self.setup.slow_vault) {
                (None, true) => actions.push(Action::VaultSigns(request)),
                (Some(_), false) if may_be_recorded_next => actions.push(fault(Fault::VaultFails)),
                (None, false) | (Some(_), _) => {}
            }
        }
        actions.push(fault(Fault::Deadline));
    }

    /// Whether an answer is of the container that the instance has checked: each item names its own.
    fn is_expected(&self, state: &State, instance: usize, container: u8) -> bool {
        self.is(Broken::ContainerNotCompared) || state.connected[instance] == Some(container)
    }

    fn arrivals(&self, state: &State, request: usize, actions: &mut Vec<Action>) {
        let is_next = self.delivery(request).after.is_none_or(|before| state.progress[before] != Progress::Waiting);
        if !is_next {
            return;
        }
        let mark = self.ask(request).mark;
        let mut new_before = false;
        for instance in 0..self.setup.instances {
            let is_held = state.progress.iter().enumerate().any(|(other, progress)| match progress {
                Progress::Active { instance: at, task } => {
                    *at == instance && task.holds_the_mark() && self.ask(other).mark == mark
                }
                Progress::Waiting | Progress::Over => false,
            });
            // One instance that knows nothing is like another.
            let is_new = state.is_new(instance);
            if !(is_held || is_new && new_before) {
                actions.push(Action::Arrive { request, instance });
            }
            new_before |= is_new;
        }
    }
}

/// By the product's own comparison of the key's tag with the store in use.
fn is_bound_to_original(container: u8) -> Result<Bound, BoundElsewhere> {
    let rid = |container: u8| format!("container {container}");
    let name = StoreName::new("bakery.documents.azure.com", None, "signer", "marks");
    let tags = BTreeSet::from([format!("{name}#{}", rid(ORIGINAL))]);
    binding::check(&tags, &StoreId::Container { name, rid: Some(rid(container)) })
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            seen: vec![vec![Hashed::default(); self.asks.marks.len()]; self.setup.instances],
            connected: vec![None; self.setup.instances],
            progress: vec![Progress::Waiting; self.asks.deliveries.len()],
            store: Store::new(self.asks.marks.len()),
            strays: Vec::new(),
            history: History::new(self.asks.slots),
            crashes: self.setup.crashes,
            faults: self.setup.faults,
            losses: self.setup.losses.0,
        }]
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
                Loss::Mark => actions.extend((0..self.asks.marks.len()).map(Action::MarkIsLost)),
            }
        }
        if state.crashes > 0 {
            // One that is new and idle has nothing to lose.
            actions.extend((0..self.setup.instances).filter(|instance| !state.is_new(*instance)).map(Action::Crash));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let next = self.after(last.clone(), action)?;
        // A run that people are to read keeps the numbers of its instances.
        Some(if self.broken.is_none() { next.with_instances_in_order() } else { next })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

impl Protocol {
    /// The state after something has happened.
    fn after(&self, mut state: State, action: Action) -> Option<State> {
        let request = match action {
            Action::Arrive { request, instance } => {
                self.arrive(&mut state, request, instance);
                return Some(state);
            }
            Action::StrayArrives(number) => {
                let stray = state.strays.remove(number);
                self.store_writes(&mut state, &stray);
                return Some(state);
            }
            Action::Crash(instance) => {
                self.crash(&mut state, instance);
                return Some(state);
            }
            Action::ContainerIsCreatedAgain => {
                state.losses -= 1;
                state.store.create_again();
                return Some(state);
            }
            Action::MarkIsLost(mark) => {
                state.losses -= 1;
                state.store.lose(mark);
                return Some(state);
            }
            Action::StoreReads(request)
            | Action::ReadIsAnswered(request)
            | Action::VaultSigns(request)
            | Action::StoreWrites(request)
            | Action::WriteIsAnswered(request)
            | Action::Fault(request, _) => request,
        };
        let progress = std::mem::replace(&mut state.progress[request], Progress::Over);
        let Progress::Active { instance, task } = progress else { return None };
        let mut task = (*task).clone();
        let mark = self.ask(request).mark;
        let step = match (action, std::mem::replace(&mut task.at, At::Reading)) {
            (Action::Fault(_, fault), at) => {
                task.at = at;
                self.fault(&mut state, request, instance, task, fault);
                return Some(state);
            }
            (Action::StoreReads(_), _) => {
                task.at = At::Told(state.store.read(mark).cloned().map(Box::new), state.store.container());
                state.progress[request] = Progress::active(instance, task);
                return Some(state);
            }
            (Action::ReadIsAnswered(_), At::Told(stored, container)) => {
                let answer = if self.is_expected(&state, instance, container) {
                    Ok(stored.map(|stored| *stored))
                } else {
                    Err(StoreError::new("another container"))
                };
                state.seen[instance][mark].update(|seen| {
                    if std::mem::take(&mut task.is_confirming) {
                        Step::Done(task.recording.confirmed(answer, seen))
                    } else {
                        task.recording.read(answer, seen)
                    }
                })
            }
            (Action::VaultSigns(_), At::Signing) => task.recording.signed(self.vault_signs(&mut state, request)),
            (Action::VaultSigns(_), at) => {
                task.made = Some(self.vault_signs(&mut state, request));
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
                task.at = At::Wrote(self.store_writes(&mut state, &write), state.store.container());
                state.progress[request] = Progress::active(instance, task);
                return Some(state);
            }
            (Action::WriteIsAnswered(_), At::Wrote(outcome, container)) => {
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
}
