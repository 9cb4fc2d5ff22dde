//! Finds private keys that are in the vault under several names.

use super::Finding;
use crate::tezos::PublicKeyHash;
use crate::vault::Key;
use std::collections::{BTreeMap, BTreeSet};

/// A warning for each private key that is in the vault under several names, at least one of which can sign.
pub(super) fn check(usable: &[Key], idle: &[Key]) -> Vec<Finding> {
    let mut by_address: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for key in usable {
        by_address.entry(key.hash.to_string()).or_default().0.insert(name_of(key));
    }
    for key in idle {
        by_address.entry(key.hash.to_string()).or_default().1.insert(name_of(key));
    }
    let with_several = by_address.into_iter().filter(|(_, (usable, idle))| usable.len() + idle.len() > 1);
    with_several
        .filter_map(|(address, (usable, idle))| {
            let first = usable.first()?.clone();
            let others: Vec<_> = usable.into_iter().skip(1).chain(idle).collect();
            let text = format!(
                "the private key of {address} is in the vault under several names: {first} signs, and {} is the same key",
                others.join(", ")
            );
            let advice = "keep only one: anyone who may sign with one of them can sign with the key, and the `signer-marks` \
                          tags of all of them apply";
            Some(Finding::warning("vault.names", text, advice).about(first))
        })
        .collect()
}

/// Merges the tags of names that cannot sign into those that can: the tags of all names of a private key apply.
pub(super) fn join_tags(usable: &mut [Key], idle: &[Key]) {
    let mut tags: Vec<(PublicKeyHash, BTreeSet<String>)> = Vec::new();
    tags.extend(idle.iter().map(|key| (key.hash, key.bound_to.clone())));
    for key in usable {
        let of_idle = tags.iter().filter(|(hash, _)| *hash == key.hash).flat_map(|(_, tags)| tags.iter().cloned());
        key.bound_to.extend(of_idle);
    }
}

fn name_of(key: &Key) -> String {
    match &key.version {
        Some(version) => format!("{}/{version}", key.name),
        None => key.name.clone(),
    }
}
