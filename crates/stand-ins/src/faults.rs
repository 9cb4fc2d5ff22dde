//! What goes wrong, with which requests, and how often.

use crate::delay::Delay;
use crate::key_vault::BadSignature;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// With which requests.
    pub on: Operation,
    /// With how many of them.
    #[serde(default)]
    pub times: Times,
    /// What goes wrong.
    pub effect: Effect,
}

/// What a request asks for. Each service knows its own ones, and `Any`, `Unauthorized` and `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Whatever it asks for.
    Any,
    /// It has no valid token, so nothing else is looked at. A Key Vault client's first request is one of these.
    Unauthorized,
    /// What no role of the signer allows; refused with 403.
    Other,
    /// A token of the managed identity.
    Token,
    /// A page of the keys.
    ListKeys,
    /// A page of the versions of a key.
    ListVersions,
    /// A version of a key.
    GetKey,
    /// A signature.
    Sign,
    /// The rotation policy of a key.
    RotationPolicy,
    /// A change of a key version's attributes or tags, where that is allowed; `Other` where it is not.
    UpdateKey,
    /// The Cosmos DB account.
    Account,
    /// A database, a container, or its ranges of partition keys.
    Metadata,
    /// An item.
    ReadItem,
    /// A new item.
    CreateItem,
    /// A new version of an item.
    ReplaceItem,
    /// The chain or the head of a Tezos node.
    Head,
}

impl Operation {
    fn includes(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}

/// How often a fault occurs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// Until the faults are cleared.
    #[default]
    Forever,
    /// With so many requests from now on.
    Next(u32),
}

/// What goes wrong. The *work* is what the request asks for: a signature made, an item written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// The answer is not sent before this time after the arrival of the request. The work is done at once.
    Delay(Delay),
    /// The work itself waits so long, and is done even if the client has gone by then.
    LateWork(Delay),
    /// An error without the work being done.
    Status {
        /// The HTTP status.
        status: u16,
        /// What Cosmos DB says beside the status.
        #[serde(default)]
        sub_status: Option<u32>,
        /// When to come back. The vault and the identity endpoint say it in whole seconds, rounded up.
        #[serde(default, rename = "retry_after_ms", with = "crate::milliseconds::optional")]
        retry_after: Option<Duration>,
    },
    /// The work is done, and then this error.
    StatusAfterWork {
        /// The HTTP status.
        status: u16,
        /// What Cosmos DB says beside the status.
        #[serde(default)]
        sub_status: Option<u32>,
        /// When to come back, as above.
        #[serde(default, rename = "retry_after_ms", with = "crate::milliseconds::optional")]
        retry_after: Option<Duration>,
    },
    /// No answer ever; the work is not done.
    Hang,
    /// No answer ever; the work is done.
    HangAfterWork,
    /// The connection is closed; the work is not done.
    CloseBeforeAnswer,
    /// The connection is closed; the work is done.
    CloseAfterWork,
    /// The vault answers with a signature that is not one.
    BadSignature(BadSignature),
}

impl Effect {
    /// An error without the work being done, of which only the status is told.
    pub fn status(status: u16) -> Self {
        Self::Status { status, sub_status: None, retry_after: None }
    }

    /// The work is done, and then an error of which only the status is told.
    pub fn status_after_work(status: u16) -> Self {
        Self::StatusAfterWork { status, sub_status: None, retry_after: None }
    }
}

/// The answer of a service in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) sub_status: Option<u32>,
    pub(crate) retry_after: Option<Duration>,
}

/// The faults of a service.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<FaultState>>);

#[derive(Default)]
struct FaultState {
    listed: Vec<Fault>,
    plan: Option<Plan>,
}

/// Says of each request, by what it asks for, what goes wrong with it.
type Plan = Box<dyn FnMut(Operation) -> Option<Effect> + Send>;

impl std::fmt::Debug for FaultState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultState").field("listed", &self.listed).field("has_plan", &self.plan.is_some()).finish()
    }
}

/// What a request meets.
#[derive(Debug, Default)]
pub(crate) struct Met {
    pub(crate) delay: Option<Delay>,
    pub(crate) effect: Option<Effect>,
}

impl Faults {
    /// Adds one. A request meets the first delay and the first other fault, in the order in which they were added, that
    /// are for its operation and not used up.
    pub fn add(&self, fault: Fault) {
        self.lock().listed.push(fault);
    }

    /// From now on, `plan` is asked about each request in the order of their arrival, and what it says goes wrong where
    /// nothing that was added does.
    pub fn follow(&self, plan: impl FnMut(Operation) -> Option<Effect> + Send + 'static) {
        self.lock().plan = Some(Box::new(plan));
    }

    /// Removes all, and the plan.
    pub fn clear(&self) {
        *self.lock() = FaultState::default();
    }

    /// Those that were added and are not used up.
    pub fn list(&self) -> Vec<Fault> {
        self.lock().listed.clone()
    }

    /// What a request for `operation` meets; counts it.
    pub(crate) fn meet(&self, operation: Operation) -> Met {
        let mut met = Met::default();
        let mut state = self.lock();
        state.listed.retain_mut(|fault| {
            let is_met = fault.on.includes(operation)
                && match fault.effect {
                    Effect::Delay(delay) if met.delay.is_none() => {
                        met.delay = Some(delay);
                        true
                    }
                    Effect::Delay(_) => false,
                    effect if met.effect.is_none() => {
                        met.effect = Some(effect);
                        true
                    }
                    _ => false,
                };
            match &mut fault.times {
                Times::Next(left) => {
                    *left = left.saturating_sub(u32::from(is_met));
                    *left > 0
                }
                Times::Forever => true,
            }
        });
        match state.plan.as_mut().and_then(|plan| plan(operation)) {
            Some(Effect::Delay(delay)) => met.delay = met.delay.or(Some(delay)),
            effect => met.effect = met.effect.or(effect),
        }
        met
    }

    fn lock(&self) -> MutexGuard<'_, FaultState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_meets_one_delay_and_one_other_fault_in_order() {
        let faults = Faults::default();
        let delay = Delay::Fixed(Duration::from_millis(1));
        let add = |on, times, effect| faults.add(Fault { on, times, effect });
        add(Operation::Sign, Times::Next(1), Effect::status(503));
        add(Operation::Any, Times::Next(2), Effect::status(429));
        add(Operation::Any, Times::Forever, Effect::Delay(delay));

        let meet = |operation| faults.meet(operation).effect;
        assert_eq!(meet(Operation::GetKey), Some(Effect::status(429)));
        assert_eq!(meet(Operation::Sign), Some(Effect::status(503)));
        assert_eq!(meet(Operation::Sign), Some(Effect::status(429)));
        assert_eq!(meet(Operation::Sign), None);
        assert_eq!(faults.meet(Operation::Sign).delay, Some(delay));
        assert_eq!(faults.list().len(), 1);
    }

    #[test]
    fn a_plan_is_asked_about_each_request_and_gives_way_to_what_was_added() {
        let faults = Faults::default();
        let mut asked = 0;
        faults.follow(move |operation| {
            asked += 1;
            (operation == Operation::Sign).then(|| Effect::status(500 + asked))
        });
        let meet = |operation| faults.meet(operation).effect;
        assert_eq!(meet(Operation::GetKey), None);
        assert_eq!(meet(Operation::Sign), Some(Effect::status(502)));
        faults.add(Fault { on: Operation::Any, times: Times::Next(1), effect: Effect::Hang });
        assert_eq!(meet(Operation::Sign), Some(Effect::Hang));
        assert_eq!(meet(Operation::Sign), Some(Effect::status(504)));
        faults.clear();
        assert_eq!(meet(Operation::Sign), None);
    }

    #[test]
    fn json() {
        let text = r#"{"on":"sign","times":{"next":2},"effect":{"status":{"status":429,"retry_after_ms":1500}}}"#;
        let retry_after = Some(Duration::from_millis(1500));
        let effect = Effect::Status { status: 429, sub_status: None, retry_after };
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!(fault, Fault { on: Operation::Sign, times: Times::Next(2), effect });
        let shortest: Fault = serde_json::from_str(r#"{"on":"any","effect":"hang"}"#).unwrap();
        assert_eq!(shortest, Fault { on: Operation::Any, times: Times::Forever, effect: Effect::Hang });
        assert!(serde_json::from_str::<Fault>(r#"{"on":"any","effect":"explode"}"#).is_err());
    }
}
