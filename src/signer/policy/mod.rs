//! Policy: what each key may sign. Pure: rules over decoded payloads, and the file that they are read from.

mod costs;
mod digest;
mod effects;
mod error;
mod field;
mod file;
mod rules;

pub use costs::{COST_PER_BYTE, ROLLUP_BOND, Spending};
pub use effects::{Cost, Effects, Recipient, effects};
pub use error::{PolicyError, PolicyProblem};
pub use rules::{AllowedOperations, NotAllowed, Rules};

use crate::tezos::{ChainId, PublicKeyHash};
use std::collections::HashMap;

/// What each key may sign. Read from JSON with [`str::parse`]; `docs/policy.schema.json` is its schema.
///
/// The default policy allows blocks, preattestations and attestations of every chain, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    default: Rules,
    keys: HashMap<PublicKeyHash, Rules>,
}

impl Policy {
    /// The rules for a key: those under its hash, or else the default.
    pub fn rules_of(&self, key: &PublicKeyHash) -> &Rules {
        self.keys.get(key).unwrap_or(&self.default)
    }

    /// The rules for keys that the policy does not name.
    pub const fn default_rules(&self) -> &Rules {
        &self.default
    }

    /// All chains that the policy names, for any key.
    pub fn named_chains(&self) -> impl Iterator<Item = ChainId> {
        let rules = std::iter::once(&self.default).chain(self.keys.values());
        rules.filter_map(|rules| rules.chains.as_ref()).flatten().copied()
    }

    /// Whether the policy has rules for this key.
    pub fn names(&self, key: &PublicKeyHash) -> bool {
        self.keys.contains_key(key)
    }

    /// The keys with specific rules.
    pub fn named_keys(&self) -> impl Iterator<Item = &PublicKeyHash> {
        self.keys.keys()
    }

    /// The rules that require authentication, by their path in the file: `default`, or `keys.` and the key. `by_default` applies
    /// to rules that do not specify it.
    pub fn requiring_authentication(&self, by_default: bool) -> Vec<String> {
        let keys = self.keys.iter().map(|(key, rules)| (format!("keys.{key}"), rules));
        let all = std::iter::once(("default".to_owned(), &self.default)).chain(keys);
        let requiring = all.filter(|(_, rules)| rules.requires_authentication(by_default));
        let mut paths: Vec<_> = requiring.map(|(path, _)| path).collect();
        paths.sort();
        paths
    }
}
