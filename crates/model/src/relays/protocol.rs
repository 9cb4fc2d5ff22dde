//! How relays process calls, and the state space.

use super::properties::properties;
use super::state::{Call, Leg, OpenCall, Reply};
use super::{BrokenRelay, RelayAction, RelaySetup, RelayState, Upstream};
use crate::hashed::Hashed;
use crate::raise::{Raising, position};
use crate::state::{Ending, Progress};
use crate::{Action, Protocol, State};
use azurehsm_signer::relay::decision::{Action as Next, Decision, Outcome};
use azurehsm_signer::tezos::Signature;
use stateright::{Model, Property};
use std::time::Duration;

/// The time after which a relay sends a call a second time. Only its relation to other times counts.
const HEDGE: Duration = Duration::from_secs(1);

/// What a signer with another store releases.
const SIGNED_ELSEWHERE: Signature = Signature::P256([0xee; 64]);

/// Relays and signers within the bounds of a setup: correct, or with relays that are broken in one way.
pub struct RelayProtocol {
    setup: RelaySetup,
    broken: Option<BrokenRelay>,
    signers: Protocol,
}

impl RelayProtocol {
    /// A model of correct relays, or of broken ones.
    ///
    /// # Errors
    /// If the product's decoder rejects a payload of the model.
    pub fn new(setup: RelaySetup, broken: Option<BrokenRelay>) -> Result<Self, String> {
        Ok(Self { setup, broken, signers: Protocol::new(setup.signers, None)? })
    }

    /// Describes a step in words.
    pub fn describe(&self, action: RelayAction) -> String {
        match action {
            RelayAction::Signers(action) => self.signers.describe(action),
            RelayAction::Call(call) => {
                let (job, relay) = self.setup.calls[call];
                format!("relay {relay} receives call {call} ({})", self.signers.workload.jobs[job].name)
            }
            RelayAction::Reply { call, leg } => format!("call {call} receives the reply to its request {leg}"),
            RelayAction::ConnectionBreaks { call, leg } => {
                format!("call {call} loses the connection of its request {leg}")
            }
            RelayAction::TimePasses(call) => format!("call {call} has waited long enough"),
            RelayAction::RelayIsKilled(relay) => format!("relay {relay} is killed and restarts"),
        }
    }

    /// Whether the companion key has signed only what the consensus key has.
    pub(super) fn companions_follow(&self, state: &RelayState) -> bool {
        let workload = &self.signers.workload;
        (0..workload.jobs.len() / 2).all(|job| {
            workload.companion_of(job).is_none_or(|companion| {
                let slot = |job: usize| workload.jobs[job].slot;
                state.signers.history.is_covered(slot(companion), slot(job))
            })
        })
    }

    /// Carries out what the relay decides, until it waits or answers.
    fn go_on(&self, state: &mut RelayState, call: usize, mut open: OpenCall) {
        loop {
            match open.decision.next(open.now) {
                Next::Send(upstream) => {
                    let request = match self.upstreams_of(call)[upstream] {
                        Upstream::OtherStore => None,
                        Upstream::Signer(instance) => {
                            let Some(request) = self.unsent(state, call) else {
                                state.calls[call] = Call::Forgotten;
                                return;
                            };
                            state.sent[request] = Some(instance);
                            if self.broken == Some(BrokenRelay::CompanionAtOnce) {
                                self.send_companion(state, request);
                            }
                            Some(request)
                        }
                    };
                    open.legs.push(Leg { upstream, request, is_over: false });
                }
                Next::Wait(until) => {
                    open.until = until;
                    state.calls[call] = Call::Open(Hashed::new(open));
                    return;
                }
                Next::Answer(reply) => {
                    let reply = reply.unwrap_or(Reply::Failed);
                    if reply == Reply::SignedElsewhere {
                        let job = &self.signers.workload.jobs[self.setup.calls[call].0];
                        state.signers.history.release(job.slot, false, job.request.digest, SIGNED_ELSEWHERE);
                    }
                    let in_flight = open.legs.iter().filter(|leg| !leg.is_over).filter_map(|leg| leg.request).collect();
                    state.calls[call] = Call::Answered { reply, in_flight, sent: open.legs.len() };
                    return;
                }
            }
        }
    }

    fn upstreams_of(&self, call: usize) -> Vec<Upstream> {
        let mut upstreams = self.setup.upstreams.to_vec();
        if !self.setup.calls[call].1.is_multiple_of(2) {
            upstreams.reverse();
        }
        upstreams
    }

    /// The next request to a signer for the call's payload.
    fn unsent(&self, state: &RelayState, call: usize) -> Option<usize> {
        let deliveries = self.signers.workload.deliveries.iter().enumerate();
        let mut of_job = deliveries.filter(|(_, delivery)| delivery.job == self.setup.calls[call].0);
        of_job.find_map(|(request, _)| state.sent[request].is_none().then_some(request))
    }

    /// Requests the companion's signature at the signer that got a request, unless that was done.
    fn send_companion(&self, state: &mut RelayState, request: usize) {
        let workload = &self.signers.workload;
        let Some(companion) = workload.companion_of(workload.deliveries[request].job) else { return };
        let first = |job: usize| job * self.setup.signers.times_sent;
        let number = request - first(workload.deliveries[request].job);
        if workload.deliveries[request].job < companion {
            state.sent[first(companion) + number] = state.sent[request];
        }
    }

    fn replied(&self, state: &mut RelayState, call: usize, leg: usize, is_lost: bool) -> Option<()> {
        let Call::Open(open) = &state.calls[call] else { return None };
        let mut open = (**open).clone();
        let Leg { upstream, request, .. } = open.legs[leg];
        open.legs[leg].is_over = true;
        let failed = |by_signer| (Outcome::Failed { by_signer }, Reply::Failed);
        let (outcome, reply) = match request.map(|request| state.signers.endings[request]) {
            _ if is_lost => failed(false),
            None if self.broken == Some(BrokenRelay::OtherStoreCounts) => (Outcome::Signed, Reply::SignedElsewhere),
            None => (Outcome::Unusable, Reply::Failed),
            Some(None) => failed(false),
            Some(Some(Ending::Failed)) => failed(true),
            Some(Some(Ending::Signed)) => (Outcome::Signed, Reply::Signed),
            Some(Some(Ending::Refused(cause))) => {
                let outcome = Outcome::of_refusal(Some(cause));
                let is_broken = self.broken == Some(BrokenRelay::BelowMarkIsFinal) && outcome == Outcome::BelowMark;
                (if is_broken { Outcome::Final } else { outcome }, Reply::Refused)
            }
        };
        open.decision.replied(upstream, outcome, reply, open.now);
        self.go_on(state, call, open);
        Some(())
    }

    /// The mark of the companion key is raised to the first level, before everything else.
    fn raise_companion(&self, signers: &mut State) {
        let workload = &self.signers.workload;
        let Some(mark) = workload.companion_of(0).map(|companion| workload.jobs[companion].mark) else { return };
        let (mut raising, mut is_done) = Raising::begin(&self.signers, signers, mark, position(1), None, 0x3000);
        while !is_done {
            (raising, is_done) = raising.write(&self.signers, signers, mark);
        }
    }

    fn kill(&self, state: &mut RelayState, relay: usize) {
        state.kills -= 1;
        for (call, (_, of_relay)) in state.calls.iter_mut().zip(self.setup.calls) {
            if *of_relay == relay && matches!(call, Call::Open(_)) {
                *call = Call::Forgotten;
            }
        }
    }
}

impl Model for RelayProtocol {
    type State = RelayState;
    type Action = RelayAction;

    fn init_states(&self) -> Vec<RelayState> {
        let mut signers = self.signers.initial();
        let requests = signers.progress.len();
        signers.endings = vec![None; requests];
        if self.setup.companion_is_ahead {
            self.raise_companion(&mut signers);
        }
        let RelaySetup { calls, kills, lost_replies, .. } = self.setup;
        vec![RelayState {
            signers,
            sent: vec![None; requests],
            calls: vec![Call::Waiting; calls.len()],
            kills,
            lost_replies,
        }]
    }

    fn actions(&self, state: &RelayState, actions: &mut Vec<RelayAction>) {
        let mut of_signers = Vec::new();
        self.signers.actions(&state.signers, &mut of_signers);
        of_signers.retain(|action| !matches!(action, Action::Arrive { .. }));
        for (request, sent) in state.sent.iter().enumerate() {
            if let Some(instance) = *sent
                && state.signers.progress[request] == Progress::Waiting
                && self.signers.can_arrive(&state.signers, request, instance)
            {
                of_signers.push(Action::Arrive { request, instance });
            }
        }
        actions.extend(of_signers.into_iter().map(RelayAction::Signers));
        for (call, progress) in state.calls.iter().enumerate() {
            match progress {
                Call::Waiting => actions.push(RelayAction::Call(call)),
                Call::Open(open) => {
                    for (leg, Leg { request, .. }) in open.legs.iter().enumerate().filter(|(_, leg)| !leg.is_over) {
                        if request.is_none_or(|request| state.signers.progress[request] == Progress::Over) {
                            actions.push(RelayAction::Reply { call, leg });
                        }
                        if state.lost_replies > 0 {
                            actions.push(RelayAction::ConnectionBreaks { call, leg });
                        }
                    }
                    if open.until.is_some() {
                        actions.push(RelayAction::TimePasses(call));
                    }
                    if state.kills > 0 {
                        actions.push(RelayAction::RelayIsKilled(self.setup.calls[call].1));
                    }
                }
                Call::Answered { .. } | Call::Forgotten => {}
            }
        }
    }

    fn next_state(&self, last: &RelayState, action: RelayAction) -> Option<RelayState> {
        let mut state = last.clone();
        match action {
            RelayAction::Signers(action) => {
                state.signers = self.signers.after(state.signers, action)?;
                for request in 0..state.sent.len() {
                    // The signer uses the companion key only now.
                    if state.signers.endings[request] != last.signers.endings[request]
                        && state.signers.endings[request] == Some(Ending::Signed)
                    {
                        self.send_companion(&mut state, request);
                    }
                }
            }
            RelayAction::Call(call) => {
                let decision = Decision::new(0..self.setup.upstreams.len(), HEDGE);
                self.go_on(&mut state, call, OpenCall { decision, legs: Vec::new(), now: Duration::ZERO, until: None });
            }
            RelayAction::Reply { call, leg } => self.replied(&mut state, call, leg, false)?,
            RelayAction::ConnectionBreaks { call, leg } => {
                state.lost_replies -= 1;
                self.replied(&mut state, call, leg, true)?;
            }
            RelayAction::TimePasses(call) => {
                let Call::Open(open) = &state.calls[call] else { return None };
                let mut open = (**open).clone();
                open.now = open.until?;
                self.go_on(&mut state, call, open);
            }
            RelayAction::RelayIsKilled(relay) => self.kill(&mut state, relay),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}
