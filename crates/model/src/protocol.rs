//! The protocol: how an instance processes a request.

use crate::recording::{Recorded, Recording, Step};
use crate::state::{Connection, Ending, Progress};
use crate::stops::{BrokenStop, stop};
use crate::store::Write;
use crate::task::{At, Release, Stray, Task};
use crate::workload::{Delivery, Job, Workload};
use crate::{Action, Broken, Setup, State};
use azurehsm_signer::marks::binding::{self, StoreId, StoreName};
use azurehsm_signer::marks::{NotRecorded, NotSafe, Seen, StoreIdentity, Version, VoteRecorded, Written};
use azurehsm_signer::tezos::Signature;
use azurehsm_signer::tezos::payload::Kind;
use std::collections::BTreeSet;
use time::OffsetDateTime;

/// The protocol within the bounds of a setup: correct, or broken in one way.
pub struct Protocol {
    pub(crate) setup: Setup,
    pub(crate) broken: Option<Broken>,
    pub(crate) workload: Workload,
    /// A mistake about stops.
    pub(crate) broken_stop: Option<BrokenStop>,
    pub(crate) check_again: CheckAgain,
    /// For each container that a tag may name, each container in use, and each instance that has or has not seen another one
    /// before: whether the key may be used.
    may_be_used: Vec<[bool; 2]>,
}

/// How a key's tag is compared again before a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckAgain {
    /// As it was when the request arrived.
    SameTag,
    /// Broken: as it is now.
    LatestTag,
    /// Broken: not at all.
    No,
}

impl Protocol {
    /// A model of the correct protocol, or of a broken variant.
    ///
    /// # Errors
    /// If the product's decoder rejects a payload of the model.
    pub fn new(setup: Setup, broken: Option<Broken>) -> Result<Self, String> {
        let containers = 0..=setup.losses.0;
        let pairs = containers.clone().flat_map(|tag| containers.clone().map(move |container| (tag, container)));
        let compare = if setup.is_sealed { may_be_opened } else { may_be_used };
        let may_be_used = pairs.map(|(tag, container)| [false, true].map(|is| compare(tag, container, is))).collect();
        let workload = Workload::of(&setup, broken)?;
        Ok(Self { setup, broken, workload, broken_stop: None, check_again: CheckAgain::SameTag, may_be_used })
    }

    /// Broken: the store is compared without what distinguishes a container that was created again.
    pub(crate) fn compare_without_rid(&mut self) {
        self.may_be_used.iter_mut().for_each(|may| *may = [true; 2]);
    }

    /// Describes a step in words.
    pub fn describe(&self, action: Action) -> String {
        let named = |request: usize| {
            let Delivery { job, after, .. } = self.workload.deliveries[request];
            let again = if after.is_some() { ", repeated" } else { "" };
            format!("#{request} ({}{again})", self.workload.jobs[job].name)
        };
        match action {
            Action::Arrive { request, instance } => format!("instance {instance} receives {}", named(request)),
            Action::StoreReads(request) => format!("the store reads the mark for #{request}"),
            Action::ReadIsAnswered(request) => format!("#{request} receives the mark"),
            Action::VaultSigns(request) => format!("the vault signs for #{request}"),
            Action::StoreWrites(request) => format!("the write of #{request} arrives at the store"),
            Action::WriteIsAnswered(request) => format!("#{request} receives the response to its write"),
            Action::StrayArrives(number) => {
                format!("abandoned write {number} arrives at the store")
            }
            Action::Crash(instance) => format!("instance {instance} crashes and restarts"),
            Action::ContainerIsCreatedAgain => "the container is deleted and created again".to_owned(),
            Action::ContainerIsChecked(instance) => format!("instance {instance} checks the container"),
            Action::TagIsRead(instance) => format!("instance {instance} reads the key's tag"),
            Action::MarkIsLost(mark) => format!("the store loses mark {mark}"),
            Action::Fault(request, fault) => format!("#{request}: {fault:?}"),
        }
    }

    pub(crate) fn delivery(&self, request: usize) -> &Delivery {
        &self.workload.deliveries[request]
    }

    pub(crate) fn job(&self, request: usize) -> &Job {
        &self.workload.jobs[self.delivery(request).job]
    }

    pub(crate) fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    /// Who writes marks. With it, they keep their last signatures.
    pub(crate) fn written(&self) -> Option<Written> {
        let written = Written { instance: String::new(), requester: None, at: OffsetDateTime::UNIX_EPOCH };
        self.setup.keeps_trail.then_some(written)
    }

    pub(crate) fn is_block(&self, request: usize) -> bool {
        self.job(request).request.id.kind == Kind::Block
    }

    pub(crate) fn store_is_conditional(&self) -> bool {
        !self.is(Broken::UnconditionalWrite) && !self.is(Broken::ReadInsteadOfCompare)
    }

    /// The level of the request that arrives; 0 for any other step.
    pub(crate) fn level_of(&self, action: Action) -> u8 {
        let Action::Arrive { request, .. } = action else { return 0 };
        u8::try_from(self.job(request).request.position.level.get()).unwrap_or(u8::MAX)
    }

    /// Starts to process a request.
    pub(crate) fn arrive(&self, state: &mut State, request: usize, instance: usize) {
        let Job { request: wanted, mark, .. } = self.job(request);
        let (container, tag) = (state.store.container(), state.tag);
        state.connected[instance].get_or_insert(Connection { container, is_recreated: false, tag });
        let tag = state.connected[instance].map_or(tag, |connection| connection.tag);
        if !self.may_use(state, instance, tag) {
            state.progress[request] = Progress::Over;
            return;
        }
        let (recording, step) = state.seen[instance][*mark].update(|seen| {
            if self.is(Broken::ReadInsteadOfCompare) || self.is(Broken::LossNotNoticed) {
                *seen = Seen::default();
            }
            Recording::begin(wanted, self.delivery(request).attempt, self.written(), seen)
        });
        let is_prompt = !self.setup.slow_vault && !self.is_block(request);
        let signature = is_prompt.then(|| self.delivery(request).signature);
        let release = match self.broken_stop {
            _ if instance < self.setup.earlier => Release::Earlier,
            // There is no stop to be read, and a flag that changes nothing would multiply the states.
            _ if !self.setup.reads_stops => Release::FlagAtOnce,
            Some(BrokenStop::ItemNotRead) => Release::ReadBefore(0),
            Some(BrokenStop::ItemReadBefore) => Release::ReadBefore(state.store.stops()),
            Some(BrokenStop::FlagAtOnce) => Release::FlagAtOnce,
            _ => Release::Current,
        };
        self.go_on(state, request, instance, Task::new(recording, signature, tag, release), step);
    }

    /// Whether the tag permits the container that the instance uses.
    fn may_use(&self, state: &State, instance: usize, tag: u8) -> bool {
        let Some(Connection { container, is_recreated, .. }) = state.connected[instance] else { return false };
        let containers = usize::from(self.setup.losses.0) + 1;
        let pair = usize::from(tag) * containers + usize::from(container);
        self.is(Broken::KeyNotBound) || self.may_be_used[pair][usize::from(is_recreated)]
    }

    /// Compares the tag again, as it was when the request arrived.
    fn may_release(&self, state: &State, instance: usize, task: &Task) -> bool {
        let latest = state.connected[instance].map_or(task.tag, |connection| connection.tag);
        match self.check_again {
            CheckAgain::SameTag => self.may_use(state, instance, task.tag),
            CheckAgain::LatestTag => self.may_use(state, instance, latest),
            CheckAgain::No => true,
        }
    }

    /// Carries out the product's next step, and those after it that need not wait.
    pub(crate) fn go_on(&self, state: &mut State, request: usize, instance: usize, mut task: Task, step: Step) {
        match step {
            Step::Read | Step::ReadBack => task.at = At::Reading,
            // No request of the model has a jump limit, so marks of other kinds make no difference.
            Step::ReadOtherKinds => {
                let mark = self.job(request).mark;
                let seen = &mut state.seen[instance][mark];
                let next = seen.update(|seen| task.recording.other_kinds(Ok(None), seen));
                return self.go_on(state, request, instance, task, next);
            }
            Step::ReadStops => {
                let known = match task.release {
                    Release::Current | Release::FlagAtOnce if self.setup.reads_stops => None,
                    Release::Current | Release::FlagAtOnce | Release::Earlier => Some(0),
                    Release::ReadBefore(stops) => Some(stops),
                };
                if let Some(stops) = known {
                    let next = self.stops_are_read(state, request, instance, &mut task, stops);
                    return self.go_on(state, request, instance, task, next);
                }
                task.at = At::ReadingStops;
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
                state.progress[request] = Progress::Over;
                if !self.may_release(state, instance, &task) {
                    return;
                }
                let own = self.delivery(request).signature;
                let released = if self.is(Broken::BlockRepeatSignedAgain) { own } else { recorded.release() };
                return self.release(state, request, released);
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

    /// The key's stops, by number, reach the recording.
    pub(crate) fn stops_are_read(
        &self,
        state: &mut State,
        request: usize,
        instance: usize,
        task: &mut Task,
        stops: u8,
    ) -> Step {
        let seen = &mut state.seen[instance][self.job(request).mark];
        seen.update(|seen| task.recording.stops(Ok(stop::first_of(stops)), seen))
    }

    pub(crate) fn vote_is_recorded(
        &self,
        state: &mut State,
        request: usize,
        instance: usize,
        task: Task,
        recorded: VoteRecorded,
    ) {
        let Some(signature) = task.signature else {
            if !self.setup.slow_vault {
                state.progress[request] = Progress::Over;
                return;
            }
            state.progress[request] = Progress::active(instance, Task { at: At::Recorded(recorded), ..task });
            return;
        };
        state.progress[request] = Progress::Over;
        if self.may_release(state, instance, &task) {
            self.release(state, request, recorded.release(signature));
        }
    }

    /// Broken: sends the write and continues without waiting for the response.
    fn write_behind(&self, state: &mut State, request: usize, instance: usize, mut task: Task) {
        let mark = self.job(request).mark;
        state.strays.extend(task.on_its_way(mark));
        let known = Ok(Version("unknown".to_owned()));
        let step = state.seen[instance][mark].update(|seen| task.recording.written(known, seen));
        self.go_on(state, request, instance, task, step);
    }

    /// The signature that the vault computes for a request. Broken: it is released at once.
    pub(crate) fn vault_signs(&self, state: &mut State, request: usize) -> Signature {
        let signature = self.delivery(request).signature;
        if self.is(Broken::ReleaseBeforeCommit) {
            self.release(state, request, signature);
        }
        signature
    }

    fn release(&self, state: &mut State, request: usize, signature: Signature) {
        let Job { request: wanted, slot, mark, .. } = self.job(request);
        state.history.release(*slot, self.is_block(request), wanted.digest, signature);
        state.history.leaves(*slot, *mark, wanted.position);
        state.ends(request, Ending::Signed);
    }

    fn not_signed(&self, state: &mut State, request: usize, why: &NotRecorded) {
        let Job { request: wanted, mark, slot, .. } = self.job(request);
        state.ends(
            request,
            match why {
                NotRecorded::NotSafe(not_safe) => Ending::Refused(not_safe.cause()),
                NotRecorded::Store(_) | NotRecorded::Lost(_) | NotRecorded::TooManyChains { .. } => Ending::Failed,
            },
        );
        if state.store.has_lost() {
            return;
        }
        match why {
            NotRecorded::Store(_) | NotRecorded::Lost(_) | NotRecorded::TooManyChains { .. } => {
                let is_calm = state.faults == self.setup.faults && state.crashes == self.setup.crashes;
                state.history.violations.failed_without_fault |= is_calm;
            }
            NotRecorded::NotSafe(NotSafe::Stopped { .. }) => {}
            NotRecorded::NotSafe(_) => {
                let at = state.store.read(*mark).map(|stored| stored.mark.true_position());
                let is_below = at.is_some_and(|at| wanted.position < at);
                let is_recorded = state.history.has_recorded(*slot, wanted.digest);
                let is_taken = at == Some(wanted.position) && !is_recorded;
                state.history.violations.repeat_refused |= is_recorded && !is_below;
                state.history.violations.refused_without_reason |= !is_below && !is_taken;
            }
        }
    }

    pub(crate) fn store_writes(&self, state: &mut State, write: &Stray) -> Option<Version> {
        let Stray { mark, new, expected } = write;
        let done = state.store.write(*mark, new, expected.as_ref(), self.store_is_conditional());
        let Write::Done { version, has_risen } = done else { return None };
        let is_written = |job: &&Job| job.mark == *mark && Some(job.request.digest) == new.digest;
        if let Some(job) = self.workload.jobs.iter().find(is_written) {
            state.history.record(job.slot, job.request.digest, has_risen, state.store.has_lost());
        } else {
            state.history.violations.mark_fell |= !has_risen;
        }
        if self.store_is_conditional() {
            let store = &state.store;
            state.strays.retain(|stray| store.may_be_at(stray.mark, stray.expected.as_ref()));
        }
        Some(version)
    }
}

/// The product's own comparison of the store in a sealed key with the one in use. A sealed key has no tag, so after its container was
/// created again, an instance needs a restart.
fn may_be_opened(sealed_for: u8, container: u8, is_recreated: bool) -> bool {
    identity(sealed_for) == identity(container)
        && (!is_recreated || binding::check_recreated(&BTreeSet::new(), &store(container)).is_ok())
}

fn identity(container: u8) -> StoreIdentity {
    StoreIdentity::Container {
        account: "bakery".to_owned(),
        database: "signer".to_owned(),
        container: "marks".to_owned(),
        rid: rid(container),
    }
}

fn name() -> StoreName {
    StoreName::new("bakery.documents.azure.com", None, "signer", "marks")
}

fn store(container: u8) -> StoreId {
    StoreId::Container { name: name(), rid: Some(rid(container)) }
}

fn rid(container: u8) -> String {
    format!("container {container}")
}

/// The product's own comparison of the key's tag with the store in use.
fn may_be_used(tag: u8, container: u8, is_recreated: bool) -> bool {
    let tags = BTreeSet::from([format!("{}#{}", name(), rid(tag))]);
    let store = store(container);
    binding::check(&tags, &store).is_ok() && (!is_recreated || binding::check_recreated(&tags, &store).is_ok())
}
