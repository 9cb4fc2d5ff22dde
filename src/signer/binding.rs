//! Checks that the mark store in use is the one that a key's tags name.

use super::NotSigned;
use crate::marks::{Bound, BoundElsewhere, MarkStore, StoreError, StoreIdentity, binding};
use crate::tezos::PublicKeyHash;
use crate::vault::Key;
use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use tracing::warn;

/// Checks a key's tags, `bound_to`, against the store in use. The store is not called, unless a tag names the container's `_rid` and the
/// store has not read it yet: then this waits for the connection, so that nothing is written before the check.
///
/// # Errors
/// Failed, if the key is bound to another store, or if the `_rid` is needed and the store has not read it by the deadline.
pub(super) async fn check(
    store: &dyn MarkStore,
    bound_to: &BTreeSet<String>,
    deadline: Instant,
) -> Result<(), NotSigned> {
    check_recreated(store, bound_to)?;
    if binding::check(bound_to, &store.id())? != Bound::Unconfirmed {
        return Ok(());
    }
    store.connected(deadline).await?;
    let id = store.id();
    match binding::check(bound_to, &id)? {
        Bound::Nowhere | Bound::Here => check_recreated(store, bound_to),
        // Connected, but still without a `_rid` to compare.
        Bound::Unconfirmed => Err(BoundElsewhere::new(bound_to, &id).into()),
    }
}

/// Checks again after the store has accepted a mark and before anything is released: the container may have been recreated
/// since the first check, and the mark may be in the new one.
///
/// # Errors
/// Failed, if the key is bound to another container than the one in use now, or if it is unbound and the container has been
/// recreated since the start.
pub(super) fn check_again(store: &dyn MarkStore, bound_to: &BTreeSet<String>) -> Result<(), NotSigned> {
    check_recreated(store, bound_to)?;
    binding::check(bound_to, &store.id())?;
    Ok(())
}

fn check_recreated(store: &dyn MarkStore, bound_to: &BTreeSet<String>) -> Result<(), NotSigned> {
    if store.is_recreated() {
        let checked = binding::check_recreated(bound_to, &store.id());
        checked.map_err(StoreError::Recreated)?;
    }
    Ok(())
}

/// Checks that the marks of a sealed key are in the store in use, which a search has identified before the key was opened.
///
/// # Errors
/// Failed, if they are in another one.
pub(super) fn check_sealed(store: &dyn MarkStore, key: &Key) -> Result<(), NotSigned> {
    let Some(purpose) = &key.purpose else { return Ok(()) };
    match store.identity() {
        Some(identity) if identity == *purpose.store() => Ok(()),
        identity => {
            let name = |identity: &StoreIdentity| identity.parts().join("/");
            let store = identity.as_ref().map_or_else(|| "unknown".to_owned(), name);
            Err(BoundElsewhere { bound_to: name(purpose.store()), store }.into())
        }
    }
}

/// Whether the store in use may guard this key, as far as is known now.
pub(super) fn may_be_here(store: &dyn MarkStore, bound_to: &BTreeSet<String>) -> bool {
    check_again(store, bound_to).is_ok()
}

/// Keys bound to another store. Each is logged once: it may well belong to another signer.
#[derive(Default)]
pub(super) struct LoggedElsewhere(Mutex<HashSet<(PublicKeyHash, BoundElsewhere)>>);

impl LoggedElsewhere {
    /// Logs the keys that have not been logged before.
    pub(super) fn log(&self, store: &dyn MarkStore, keys: &[Arc<Key>]) {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if let Err(elsewhere) = binding::check(&key.bound_to, &store.id())
                && logged.insert((key.hash, elsewhere.clone()))
            {
                let reason = elsewhere.log();
                warn!(key = %key.hash, name = key.name, event = "bound_elsewhere", reason, "no block or vote is signed");
            }
        }
    }
}
