//! Memory for secrets: locked, left out of core dumps and of children, and wiped. This crate has all unsafe code of the signer.
//!
//! It protects against what writes memory to a disk (swap, core dumps) and against copies that outlive their use. It does not protect
//! against anyone who can read the memory of the process while a secret is in use.

mod locked;
mod process;
mod stack;

pub use locked::{Locked, Refusal};
pub use process::forbid_dumps;
pub use stack::with_clean_stack;
