//! Policy: what each key may sign. Pure.

mod file;
mod rules;

pub use file::PolicyError;
pub use rules::{AllowedOperations, NotAllowed, Rules};

use crate::tezos::PublicKeyHash;
use std::collections::HashMap;

/// What each key may sign. Read from JSON with [`str::parse`]; `docs/policy.schema.json` is its schema.
///
/// The default, if nothing else is said: blocks, preattestations and attestations of every chain, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    default: Rules,
    keys: HashMap<PublicKeyHash, Rules>,
}

impl Policy {
    /// The rules for a key: its own, or the default ones.
    pub fn rules_of(&self, key: &PublicKeyHash) -> &Rules {
        self.keys.get(key).unwrap_or(&self.default)
    }

    /// The keys that have rules of their own.
    pub fn named_keys(&self) -> impl Iterator<Item = &PublicKeyHash> {
        self.keys.keys()
    }
}
