//! The keys found in the vault, by public key hash, with the bindings of all their names.

use crate::tezos::PublicKeyHash;
use crate::vault::{FoundKeys, Key};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tracing::{info, warn};

/// The keys of a vault by public key hash.
///
/// A vault may hold one private key under several names. They are one key, bound to every store that any of the names is bound
/// to, so that no name bypasses another's tag. The key signs under the first name that can sign.
#[derive(Debug, Default)]
pub(super) struct HeldKeys {
    usable: HashMap<PublicKeyHash, Arc<Key>>,
    /// Why each of the other keys cannot sign.
    unusable: HashMap<PublicKeyHash, String>,
    /// All names of each key that has several.
    names: HashMap<PublicKeyHash, BTreeSet<String>>,
}

impl HeldKeys {
    pub(super) fn get(&self, hash: &PublicKeyHash) -> Option<&Arc<Key>> {
        self.usable.get(hash)
    }

    /// Why a key in the vault cannot sign; `None` if it can, or is unknown.
    pub(super) fn why_unusable(&self, hash: &PublicKeyHash) -> Option<&str> {
        self.unusable.get(hash).map(String::as_str)
    }

    /// How many keys cannot sign.
    pub(super) fn count_unusable(&self) -> usize {
        self.unusable.len()
    }

    /// The keys that can sign, by name.
    pub(super) fn list(&self) -> Vec<Arc<Key>> {
        let mut keys: Vec<_> = self.usable.values().map(Arc::clone).collect();
        keys.sort_by(|left, right| {
            left.name.cmp(&right.name).then_with(|| left.public_key.as_bytes().cmp(right.public_key.as_bytes()))
        });
        keys
    }

    /// The keys after a complete search. Logs the changes, including everything that an operator needs to use a new key.
    pub(super) fn replaced_by(&self, found: FoundKeys) -> Self {
        let held = Self::new(found);
        held.log_changes(self);
        for key in self.usable.values().filter(|key| !held.usable.contains_key(&key.hash)) {
            let reason = held.why_unusable(&key.hash);
            warn!(event = "key_lost", key = %key.hash, name = key.name, version = key.version, reason, "this key can no longer sign");
        }
        held
    }

    /// These keys and those that a running search has found so far.
    pub(super) fn joined_by(&self, more: Vec<Key>) -> Self {
        let mut held = Self { usable: self.usable.clone(), unusable: self.unusable.clone(), names: self.names.clone() };
        for mut key in more {
            held.unusable.remove(&key.hash);
            if let Some(there) = held.usable.get(&key.hash) {
                key.bound_to.extend(there.bound_to.iter().cloned());
                // Which name signs is decided when the search is complete.
                key = Key { name: there.name.clone(), version: there.version.clone(), ..key };
            }
            held.usable.insert(key.hash, Arc::new(key));
        }
        held.log_changes(self);
        held
    }

    fn new(FoundKeys { mut usable, unusable, .. }: FoundKeys) -> Self {
        let mut names: HashMap<_, BTreeSet<_>> = HashMap::new();
        for key in usable.iter().chain(unusable.iter().map(|unusable| &unusable.key)) {
            names.entry(key.hash).or_default().insert(name_of(key));
        }
        names.retain(|_, names| names.len() > 1);
        usable.sort_by(|left, right| (&left.name, &left.version).cmp(&(&right.name, &right.version)));
        let mut held: HashMap<PublicKeyHash, Key> = HashMap::new();
        for key in usable {
            match held.entry(key.hash) {
                Entry::Occupied(mut first) => first.get_mut().bound_to.extend(key.bound_to),
                Entry::Vacant(entry) => drop(entry.insert(key)),
            }
        }
        let mut reasons: HashMap<PublicKeyHash, String> = HashMap::new();
        for unusable in unusable {
            match held.get_mut(&unusable.key.hash) {
                Some(key) => key.bound_to.extend(unusable.key.bound_to),
                None => drop(reasons.insert(unusable.key.hash, unusable.reason)),
            }
        }
        let usable = held.into_iter().map(|(hash, key)| (hash, Arc::new(key))).collect();
        Self { usable, unusable: reasons, names }
    }

    fn log_changes(&self, before: &Self) {
        for (hash, key) in &self.usable {
            let Some(was) = before.usable.get(hash) else {
                info!(
                    event = "key_added",
                    key = %hash,
                    public_key = %key.public_key,
                    curve = %key.curve(),
                    name = key.name,
                    version = key.version,
                    "this key can sign"
                );
                self.log_names(hash, key);
                continue;
            };
            if key.bound_to != was.bound_to {
                let (now, before) = (&key.bound_to, &was.bound_to);
                info!(event = "key_binding_changed", key = %hash, name = key.name, bound_to = ?now, ?before, "the key's binding has changed");
            }
            if name_of(key) != name_of(was) || self.names.get(hash) != before.names.get(hash) {
                self.log_names(hash, key);
            }
        }
    }

    fn log_names(&self, hash: &PublicKeyHash, key: &Key) {
        if let Some(names) = self.names.get(hash) {
            let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            warn!(
                event = "key_duplicated",
                key = %hash,
                name = key.name,
                version = key.version,
                names,
                "the vault holds one private key under several names; it signs under the first that can sign"
            );
        }
    }
}

fn name_of(key: &Key) -> String {
    match &key.version {
        Some(version) => format!("{}/{version}", key.name),
        None => key.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::{Curve, PublicKey, SecretKey};
    use crate::vault::UnusableKey;

    fn public_key() -> PublicKey {
        SecretKey::generate(Curve::P256).unwrap().public_key().clone()
    }

    fn named(public_key: &PublicKey, name: &str, tags: &[&str]) -> Key {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Key::new(name.to_owned(), public_key.clone()).with_bound_to(tags)
    }

    fn only(held: &HeldKeys) -> (&str, Vec<&str>) {
        let [key] = held.usable.values().collect::<Vec<_>>()[..] else { panic!("{held:?}") };
        (key.name.as_str(), key.bound_to.iter().map(String::as_str).collect())
    }

    #[test]
    fn one_key_under_two_names_has_the_bindings_of_both() {
        let public_key = public_key();
        for (first, second, expected) in [
            (&[][..], &[][..], vec![]),
            (&["a/b/c"], &["a/b/c"], vec!["a/b/c"]),
            (&["a/b/c"], &["d/e/f"], vec!["a/b/c", "d/e/f"]),
            (&[], &["d/e/f"], vec!["d/e/f"]),
            (&["a/b/c"], &[], vec!["a/b/c"]),
        ] {
            let (first, second) = (named(&public_key, "one", first), named(&public_key, "two", second));
            for usable in [vec![first.clone(), second.clone()], vec![second.clone(), first.clone()]] {
                let held = HeldKeys::new(FoundKeys { usable, ..FoundKeys::default() });
                assert_eq!(only(&held), ("one", expected.clone()));
            }
            // A name that cannot sign still binds the key.
            let unusable = vec![UnusableKey { key: first, reason: "it is disabled".to_owned() }];
            let held = HeldKeys::new(FoundKeys { usable: vec![second], unusable, unread: None });
            assert_eq!(only(&held), ("two", expected));
            assert_eq!(held.why_unusable(&public_key.hash()), None);
        }
    }

    #[test]
    fn a_name_found_during_a_search_replaces_no_name_and_adds_its_bindings() {
        let public_key = public_key();
        let held = HeldKeys::default().joined_by(vec![named(&public_key, "two", &["a/b/c"])]);
        let held = held.joined_by(vec![named(&public_key, "one", &["d/e/f"])]);
        assert_eq!(only(&held), ("two", vec!["a/b/c", "d/e/f"]));
    }
}
