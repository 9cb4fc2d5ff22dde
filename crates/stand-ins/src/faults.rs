//! Faults: which requests fail, how, and how often.

use crate::delay::Delay;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A fault to inject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The requests that it affects.
    pub on: Operation,
    /// How many of them.
    #[serde(default)]
    pub times: Times,
    /// What happens to them.
    pub effect: Effect,
}

/// The type of a request. Each service uses its own, and `Any`, `Unauthorized` and `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Every request.
    Any,
    /// Without a valid token, so not classified any further. A Key Vault client's first request is one of these.
    Unauthorized,
    /// Anything that the signer's role does not allow; rejected with 403.
    Other,
    /// Get a token from the managed identity endpoint.
    Token,
    /// Get a page of the list of keys.
    ListKeys,
    /// Get a page of the list of a key's versions.
    ListVersions,
    /// Get a key version.
    GetKey,
    /// Sign.
    Sign,
    /// Unwrap a key, where allowed; `Other` where not.
    UnwrapKey,
    /// Have a key released, through the sidecar.
    ReleaseKey,
    /// Get a key's rotation policy.
    RotationPolicy,
    /// Update attributes or tags of a key version, where allowed; `Other` where not.
    UpdateKey,
    /// Get the Cosmos DB account document.
    Account,
    /// Get a database, a container, or its partition key ranges.
    Metadata,
    /// Read an item.
    ReadItem,
    /// Create an item.
    CreateItem,
    /// Replace an item.
    ReplaceItem,
    /// Query a container, where allowed; `Other` where not.
    Query,
    /// Create an append blob.
    CreateBlob,
    /// Append a block to a blob.
    AppendBlock,
    /// List or read blobs.
    ReadBlob,
    /// Get the chain id or the head from a Tezos node.
    Head,
    /// Get anything else about a block from a Tezos node: header, operations, rights, delegates.
    Block,
    /// Call a function with its key.
    Execution,
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
    /// Until faults are cleared.
    #[default]
    Forever,
    /// With the next so many requests.
    Next(u32),
}

/// What a fault does. The *work* is the effect of the request: a signature computed, an item written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// The response is sent this long after the request's arrival, at the earliest. The work is done at once.
    Delay(Delay),
    /// The work is done this late, even if the client has disconnected by then.
    LateWork(Delay),
    /// An error response; the work is not done.
    Status {
        /// HTTP status.
        status: u16,
        /// Cosmos DB's sub-status.
        #[serde(default)]
        sub_status: Option<u32>,
        /// When to retry. The vault and the identity endpoint round up to whole seconds.
        #[serde(default, rename = "retry_after_ms", with = "crate::milliseconds::optional")]
        retry_after: Option<Duration>,
    },
    /// An error response, after the work was done.
    StatusAfterWork {
        /// HTTP status.
        status: u16,
        /// Cosmos DB's sub-status.
        #[serde(default)]
        sub_status: Option<u32>,
        /// When to retry, as above.
        #[serde(default, rename = "retry_after_ms", with = "crate::milliseconds::optional")]
        retry_after: Option<Duration>,
    },
    /// No response; the work is not done.
    Hang,
    /// No response; the work is done.
    HangAfterWork,
    /// The connection is closed; the work is not done.
    CloseBeforeAnswer,
    /// The connection is closed; the work is done.
    CloseAfterWork,
    /// The vault returns an invalid signature.
    BadSignature(BadSignature),
}

/// A kind of invalid signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadSignature {
    /// A signature of other data.
    OfOtherData,
    /// A signature by another key.
    ByOtherKey,
    /// The last byte is missing.
    Truncated,
    /// Empty.
    Empty,
}

impl Effect {
    /// An error response with just a status; the work is not done.
    pub fn status(status: u16) -> Self {
        Self::Status { status, sub_status: None, retry_after: None }
    }

    /// An error response with just a status, after the work was done.
    pub fn status_after_work(status: u16) -> Self {
        Self::StatusAfterWork { status, sub_status: None, retry_after: None }
    }
}

/// The error response of a failing service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) sub_status: Option<u32>,
    pub(crate) retry_after: Option<Duration>,
}

/// The faults of one service.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<FaultState>>);

#[derive(Default)]
struct FaultState {
    listed: Vec<Fault>,
    plan: Option<Plan>,
}

/// Decides for each request, by operation, whether something fails.
type Plan = Box<dyn FnMut(Operation) -> Option<Effect> + Send>;

impl std::fmt::Debug for FaultState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultState").field("listed", &self.listed).field("has_plan", &self.plan.is_some()).finish()
    }
}

/// The faults that apply to one request.
#[derive(Debug, Default)]
pub(crate) struct Met {
    pub(crate) delay: Option<Delay>,
    pub(crate) effect: Option<Effect>,
}

impl Faults {
    /// Adds a fault. Each request is subject to the first delay and the first other fault, in the order in which they were
    /// added, that match its operation and are not used up.
    pub fn add(&self, fault: Fault) {
        self.lock().listed.push(fault);
    }

    /// Calls `plan` for each request from now on, in order of arrival. Its effect applies where no added fault does.
    pub fn follow(&self, plan: impl FnMut(Operation) -> Option<Effect> + Send + 'static) {
        self.lock().plan = Some(Box::new(plan));
    }

    /// Removes all faults, and the plan.
    pub fn clear(&self) {
        *self.lock() = FaultState::default();
    }

    /// The added faults that are not used up.
    pub fn list(&self) -> Vec<Fault> {
        self.lock().listed.clone()
    }

    /// Counts the request, and returns the faults that apply to it.
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
    fn each_request_gets_one_delay_and_one_other_fault_in_order() {
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
    fn a_plan_is_consulted_for_each_request_and_added_faults_take_precedence() {
        let faults = Faults::default();
        let mut calls = 0;
        faults.follow(move |operation| {
            calls += 1;
            (operation == Operation::Sign).then(|| Effect::status(500 + calls))
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
