//! Whether the store in use is the one that guards a key.

use super::NotSigned;
use crate::marks::{Bound, BoundElsewhere, MarkStore, binding};
use crate::vault::Key;
use tokio::time::Instant;

/// Checks a key's tags against the store in use. Nothing is asked of the store, unless a tag names the container's `_rid`
/// and the store has not read it yet: then this waits for the connection, so that nothing is written before the check.
///
/// # Errors
/// Failed, if the key is bound to another store, or if the store must tell its `_rid` and does not by the deadline.
pub(super) async fn check(store: &dyn MarkStore, key: &Key, deadline: Instant) -> Result<(), NotSigned> {
    if binding::check(&key.bound_to, &store.id())? != Bound::Unconfirmed {
        return Ok(());
    }
    store.connected(deadline).await?;
    let id = store.id();
    match binding::check(&key.bound_to, &id)? {
        Bound::Nowhere | Bound::Here => Ok(()),
        // It is connected, and has no `_rid` to compare with.
        Bound::Unconfirmed => Err(BoundElsewhere::new(&key.bound_to, &id).into()),
    }
}

/// Whether nothing that is known now excludes the store in use for this key.
pub(super) fn may_be_here(store: &dyn MarkStore, key: &Key) -> bool {
    binding::check(&key.bound_to, &store.id()).is_ok()
}
