//! Memory for secrets, and a warning if the system does not lock it.

use locked_memory::{Locked, Refusal};
use std::io;
use std::sync::Once;
use tracing::warn;

/// Moves a value to memory that is locked, left out of core dumps, and wiped when it is dropped. If the system does not lock it, that is
/// logged once, and the value is used all the same: a missed vote is certain, and that the page is swapped out is not.
///
/// # Errors
/// If there is no memory.
pub(crate) fn locked<T>(value: T) -> io::Result<Locked<T>> {
    static WARNED: Once = Once::new();
    let locked = Locked::new(value)?;
    if let Some(Refusal { call, error }) = locked.refusal() {
        WARNED.call_once(|| {
            warn!(
                event = "memory_not_locked",
                call,
                reason = %error,
                "secret keys are in memory that the system may write to swap: raise the limit of locked memory (ulimit -l, \
                 LimitMEMLOCK=) to 1 MB"
            );
        });
    }
    Ok(locked)
}
