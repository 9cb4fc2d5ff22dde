//! Whether the store in use is the one that guards a key.

use super::NotSigned;
use crate::marks::{Bound, BoundElsewhere, MarkStore, StoreError, binding};
use crate::tezos::PublicKeyHash;
use crate::vault::Key;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use tracing::warn;

/// Checks a key's tags against the store in use. Nothing is asked of the store, unless a tag names the container's `_rid`
/// and the store has not read it yet: then this waits for the connection, so that nothing is written before the check.
///
/// # Errors
/// Failed, if the key is bound to another store, or if the store must tell its `_rid` and does not by the deadline.
pub(super) async fn check(store: &dyn MarkStore, key: &Key, deadline: Instant) -> Result<(), NotSigned> {
    check_recreated(store, key)?;
    if binding::check(&key.bound_to, &store.id())? != Bound::Unconfirmed {
        return Ok(());
    }
    store.connected(deadline).await?;
    let id = store.id();
    match binding::check(&key.bound_to, &id)? {
        Bound::Nowhere | Bound::Here => check_recreated(store, key),
        // It is connected, and has no `_rid` to compare with.
        Bound::Unconfirmed => Err(BoundElsewhere::new(&key.bound_to, &id).into()),
    }
}

/// Checks once more, when the store has accepted a mark and before anything is released: the container may have been created
/// again since the first check, and the mark may be in the new one.
///
/// # Errors
/// Failed, if the key is not bound to the container that is in use now, or is bound to none and that is not the one of the
/// start.
pub(super) fn check_again(store: &dyn MarkStore, key: &Key) -> Result<(), NotSigned> {
    check_recreated(store, key)?;
    binding::check(&key.bound_to, &store.id())?;
    Ok(())
}

fn check_recreated(store: &dyn MarkStore, key: &Key) -> Result<(), NotSigned> {
    if store.is_recreated() {
        let checked = binding::check_recreated(&key.bound_to, &store.id());
        checked.map_err(|recreated| StoreError::new(recreated.to_string()))?;
    }
    Ok(())
}

/// Whether nothing that is known now excludes the store in use for this key.
pub(super) fn may_be_here(store: &dyn MarkStore, key: &Key) -> bool {
    check_again(store, key).is_ok()
}

/// Keys that are bound to another store, each of which the log names once: they may well be those of another signer.
#[derive(Default)]
pub(super) struct LoggedElsewhere(Mutex<HashSet<(PublicKeyHash, BoundElsewhere)>>);

impl LoggedElsewhere {
    /// Logs what is new among these keys.
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
