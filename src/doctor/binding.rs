//! Checks that each key is bound to the mark store in use.

use super::Finding;
use crate::marks::binding::{self, Bound};
use crate::marks::{Binding, StoreId};
use crate::vault::Key;
use std::collections::{BTreeSet, HashMap};

const CHECK: &str = "marks.binding";

/// One finding per key of the vault. As in a signer, the tags of all names of a private key apply to it.
pub(super) fn check(keys: &[Key], store: &StoreId) -> Vec<Finding> {
    let mut tags: HashMap<_, BTreeSet<String>> = HashMap::new();
    for key in keys {
        tags.entry(key.hash).or_default().extend(key.bound_to.iter().cloned());
    }
    keys.iter().map(|key| of_key(key, tags.get(&key.hash).unwrap_or(&key.bound_to), store)).collect()
}

fn of_key(key: &Key, tags: &BTreeSet<String>, store: &StoreId) -> Finding {
    let named = || tags.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let bind = format!("`azurehsm-signer marks bind --key {}`, with an identity that may update keys", key.hash);
    let finding = match binding::check(tags, store) {
        Ok(Bound::Nowhere) => {
            let advice = match store {
                StoreId::Container { .. } => bind,
                StoreId::Embedded => "keep marks in Cosmos DB (COSMOS_ENDPOINT), and bind the key to it".to_owned(),
            };
            let text = "the key is not bound to a mark store: a signer with another store would also sign with it";
            Finding::warning(CHECK, text, advice)
        }
        Ok(Bound::Here) if tags.iter().any(|tag| tag.parse().is_ok_and(|binding: Binding| binding.has_rid())) => {
            Finding::ok(CHECK, format!("bound to {}", named()))
        }
        Ok(Bound::Here) => Finding::ok(
            CHECK,
            format!("bound to {}, by name only. To bind it to this exact container: {bind}", named()),
        ),
        Ok(Bound::Unconfirmed) => Finding::skipped(
            CHECK,
            format!("bound to {}; cannot be verified, since the container's _rid is unknown", named()),
        ),
        Err(elsewhere) => {
            let unreadable = tags.iter().find_map(|tag| tag.parse::<Binding>().err());
            let unreadable = unreadable.map(|reason| format!(" (invalid tag: {reason})")).unwrap_or_default();
            let text = format!(
                "the key is bound to another mark store, {}{unreadable}, not to {}: no block or vote is signed",
                elsewhere.bound_to, elsewhere.store
            );
            let advice = format!(
                "set COSMOS_ENDPOINT, COSMOS_DATABASE and COSMOS_CONTAINER to the store that the key is bound to. To move the \
                 key to this store: stop all its signers, wait KEYS_REFRESH_SECONDS, raise the marks above everything that was \
                 signed, run {bind}, and start"
            );
            Finding::failed(CHECK, text, advice)
        }
    };
    let version = key.version.as_ref().map(|version| format!("/{version}")).unwrap_or_default();
    finding.about(format!("{}{version}", key.name))
}
