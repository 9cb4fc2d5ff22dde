//! The delegates for which the served keys sign, as blocks show them. Pure.

use super::served::Companions;
use crate::chain::blocks::Receipt;
use crate::tezos::PublicKeyHash;
use std::collections::HashMap;

/// Each delegate with the served keys that sign for it.
#[derive(Debug, Default)]
pub(super) struct Delegates(HashMap<PublicKeyHash, Vec<PublicKeyHash>>);

/// Far more delegates than one signer serves.
const MAX_DELEGATES: usize = 256;

impl Delegates {
    /// Notes who signed these votes.
    pub(super) fn note(&mut self, votes: &[Receipt], companions: &Companions) {
        for vote in votes {
            if self.0.len() >= MAX_DELEGATES && !self.0.contains_key(&vote.delegate) {
                continue;
            }
            let keys = self.0.entry(vote.delegate).or_default();
            for key in [Some(vote.consensus_key), companions.get(&vote.delegate).copied()].into_iter().flatten() {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
    }

    /// The delegates to watch, each with the keys to stop: those that blocks have shown, and each served key, which may be a
    /// delegate's own.
    pub(super) fn with_keys(&self, served: &[PublicKeyHash]) -> Vec<(PublicKeyHash, Vec<PublicKeyHash>)> {
        let mut delegates: Vec<PublicKeyHash> = served.to_vec();
        delegates.extend(self.0.keys().filter(|delegate| !served.contains(delegate)));
        let keys_of = |delegate: PublicKeyHash| {
            let signing = self.0.get(&delegate).into_iter().flatten().copied();
            let own = Some(delegate).into_iter().chain(signing).filter(|key| served.contains(key));
            let mut found: Vec<PublicKeyHash> = Vec::new();
            for key in own {
                if !found.contains(&key) {
                    found.push(key);
                }
            }
            found
        };
        delegates
            .into_iter()
            .map(|delegate| (delegate, keys_of(delegate)))
            .filter(|(_, keys)| !keys.is_empty())
            .collect()
    }
}
