//! The keys whose signatures the witness looks for. Pure.

use crate::chain::blocks::Voter;
use crate::tezos::{Curve, PublicKey, PublicKeyHash};
use std::collections::HashMap;

/// The companion key of each delegate that has one.
pub type Companions = HashMap<PublicKeyHash, PublicKeyHash>;

/// The keys that this signer serves with its mark store, by address.
#[derive(Debug, Clone, Default)]
pub struct ServedKeys {
    by_address: HashMap<String, PublicKey>,
    by_hash: HashMap<PublicKeyHash, PublicKey>,
}

impl ServedKeys {
    /// These keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let by_hash: HashMap<_, _> = keys.into_iter().map(|key| (key.hash(), key)).collect();
        let by_address = by_hash.iter().map(|(hash, key)| (hash.to_string(), key.clone())).collect();
        Self { by_address, by_hash }
    }

    /// The public key with this hash, if it is served.
    pub fn get(&self, hash: &PublicKeyHash) -> Option<&PublicKey> {
        self.by_hash.get(hash)
    }

    /// All keys.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.by_hash.values()
    }

    /// Whether no key is served.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Whether a vote is by a served key. The delegate's own key does not count: it may be served here, while its consensus key votes
    /// elsewhere.
    pub fn has_signed(&self, voter: &Voter<'_>) -> bool {
        self.by_address.contains_key(voter.consensus_key)
    }

    /// Whether a tz4 key other than this one is served: it may be the companion key of the same delegate.
    pub fn has_other_bls_keys(&self, consensus_key: &PublicKeyHash) -> bool {
        self.by_hash.keys().any(|key| key.curve() == Curve::Bls && key != consensus_key)
    }
}
