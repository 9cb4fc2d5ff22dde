//! The keys whose signatures the witness looks for. Pure.

use super::receipts::Voter;
use crate::tezos::{PublicKey, PublicKeyHash};
use std::collections::{HashMap, HashSet};

/// The companion key of each delegate that has one.
pub type Companions = HashMap<PublicKeyHash, PublicKeyHash>;

/// The keys that this signer serves with its mark store, by address.
#[derive(Debug, Clone, Default)]
pub struct ServedKeys {
    by_address: HashMap<String, PublicKey>,
    by_hash: HashMap<PublicKeyHash, PublicKey>,
    /// The delegates whose companion keys are served.
    delegates: HashSet<String>,
}

impl ServedKeys {
    /// These keys, and the companion keys among them, each with its delegate as far as it is known.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>, companions: &Companions) -> Self {
        let by_hash: HashMap<_, _> = keys.into_iter().map(|key| (key.hash(), key)).collect();
        let by_address = by_hash.iter().map(|(hash, key)| (hash.to_string(), key.clone())).collect();
        let served = companions.iter().filter(|(_, companion)| by_hash.contains_key(companion));
        let delegates = served.map(|(delegate, _)| delegate.to_string()).collect();
        Self { by_address, by_hash, delegates }
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

    /// Whether a vote may be by a served key: by the consensus key, or by the companion key of its delegate. The delegate's own
    /// key says nothing: it may be served here, while its consensus key votes elsewhere.
    pub fn may_have_signed(&self, voter: &Voter<'_>) -> bool {
        self.by_address.contains_key(voter.consensus_key) || self.delegates.contains(voter.delegate)
    }
}
