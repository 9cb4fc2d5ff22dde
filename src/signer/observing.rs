//! An observer (`OBSERVE=true`): decides on every request like a signer, logs what it decided, and releases nothing.

use super::{Failure, NotSigned, Signer};
use crate::answer::Verdict;
use crate::tezos::Signature;
use crate::vault::Key;
use std::collections::BTreeSet;
use std::fmt;

/// What an observer decided, and withholds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not *signed*.
    pub reason: Option<String>,
}

impl fmt::Display for Withheld {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verdict, reason } = self;
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        write!(
            formatter,
            "this is an observer (OBSERVE=true), which releases nothing; its verdict is {verdict}{reason}"
        )
    }
}

/// No tags: the store of an observer guards no key.
static NOT_BOUND: BTreeSet<String> = BTreeSet::new();

impl Signer {
    /// Turns this signer into an observer, which withholds every verdict. Its ledger must have a store of its own.
    #[must_use]
    pub fn observing(mut self) -> Self {
        self.observes = true;
        self
    }

    /// Whether this is an observer.
    pub const fn observes(&self) -> bool {
        self.observes
    }

    /// What leaves this process: of an observer, no signature.
    pub(super) fn release(&self, verdict: Result<Signature, NotSigned>) -> Result<Signature, NotSigned> {
        if !self.observes {
            return verdict;
        }
        let withheld = match verdict {
            Ok(_) => Withheld { verdict: Verdict::Signed, reason: None },
            Err(not_signed) => Withheld { verdict: not_signed.verdict(), reason: Some(not_signed.to_string()) },
        };
        Err(Failure::Withheld(withheld).into())
    }

    /// The stores that a key's tags name. They restrict where the key may sign, so an observer ignores them.
    pub(super) fn bound_to<'a>(&self, key: &'a Key) -> &'a BTreeSet<String> {
        if self.observes { &NOT_BOUND } else { &key.bound_to }
    }
}
