//! A baker: its own key, its consensus keys and its companion keys, each from the cycle in which it becomes active.

use crate::crypto::{Curve, PublicKey, SecretKey};

/// A key, with the texts that the chain shows.
#[derive(Debug, Clone)]
pub struct Key {
    /// The secret key.
    pub secret: SecretKey,
    /// The public key.
    pub public: PublicKey,
    /// `tz1…` to `tz4…`.
    pub hash: String,
}

impl From<SecretKey> for Key {
    fn from(secret: SecretKey) -> Self {
        let public = secret.public_key();
        let hash = public.hash();
        Self { secret, public, hash }
    }
}

impl Key {
    /// The key for a name.
    ///
    /// # Panics
    /// If no key can be derived from the name, which happens for one name in 2³².
    #[allow(clippy::expect_used, reason = "a test cannot go on without its key")]
    pub fn of_name(curve: Curve, name: &str) -> Self {
        SecretKey::of_name(curve, name).expect("a key for this name").into()
    }

    /// Whether it signs votes of tz4 keys, which have no slot and are aggregated.
    pub fn is_bls(&self) -> bool {
        self.public.curve == Curve::Bls
    }
}

/// A baker.
///
/// Its first consensus key is its own key. A consensus or companion key signs for levels of the cycle in which it becomes active,
/// and of later ones, until the next one does (Octez, `delegate_consensus_key.ml`).
#[derive(Debug, Clone)]
pub struct Baker {
    /// The delegate's own key.
    pub delegate: Key,
    /// Slots of the committee, a measure of its power. At least 1.
    pub slots: u16,
    consensus: Vec<(u32, Key)>,
    companion: Vec<(u32, Key)>,
}

impl Baker {
    /// A baker with one slot, whose own key is its consensus key.
    pub fn new(delegate: impl Into<Key>) -> Self {
        Self { delegate: delegate.into(), slots: 1, consensus: Vec::new(), companion: Vec::new() }
    }

    /// The same with this many slots of the committee.
    #[must_use]
    pub fn with_slots(self, slots: u16) -> Self {
        Self { slots, ..self }
    }

    /// Another consensus key, from this cycle on. Keys are added in the order of their cycles.
    #[must_use]
    pub fn with_consensus_key(mut self, from_cycle: u32, key: impl Into<Key>) -> Self {
        self.consensus.push((from_cycle, key.into()));
        self
    }

    /// A companion key, a tz4, from this cycle on. Keys are added in the order of their cycles.
    #[must_use]
    pub fn with_companion_key(mut self, from_cycle: u32, key: impl Into<Key>) -> Self {
        self.companion.push((from_cycle, key.into()));
        self
    }

    /// The key that signs votes for levels of this cycle, and blocks at them.
    pub fn consensus_key(&self, cycle: u32) -> &Key {
        active(&self.consensus, cycle).unwrap_or(&self.delegate)
    }

    /// The key that also signs attestations with DAL content, if the consensus key is a tz4.
    pub fn companion_key(&self, cycle: u32) -> Option<&Key> {
        active(&self.companion, cycle)
    }

    /// The consensus keys that become active after this cycle, and when.
    pub fn pending_consensus_keys(&self, cycle: u32) -> impl Iterator<Item = (u32, &Key)> {
        pending(&self.consensus, cycle)
    }

    /// The companion keys that become active after this cycle, and when.
    pub fn pending_companion_keys(&self, cycle: u32) -> impl Iterator<Item = (u32, &Key)> {
        pending(&self.companion, cycle)
    }
}

fn active(keys: &[(u32, Key)], cycle: u32) -> Option<&Key> {
    keys.iter().rfind(|(from, _)| *from <= cycle).map(|(_, key)| key)
}

fn pending(keys: &[(u32, Key)], cycle: u32) -> impl Iterator<Item = (u32, &Key)> {
    keys.iter().filter(move |(from, _)| *from > cycle).map(|(from, key)| (*from, key))
}
