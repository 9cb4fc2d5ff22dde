//! The calendar of the keys: for whom a key votes on chain, which keys are to replace it and when, and which protocol comes next.
//!
//! For the operator only: nothing that is signed depends on it.

mod reading;
mod roles;

pub use reading::{Calendar, Protocols, Upgrade, read};
pub(crate) use roles::cycle_in_words;
pub use roles::{DelegateKeys, Duty, Missing, Pending, Role, Schedule, missing, roles};
