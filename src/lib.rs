//! A Tezos remote signer: parses what it is asked to sign, checks it, and never signs twice.
//!
//! Dependencies point one way: server → signer → {tezos, vault, marks, chain}.

pub mod azure;
pub mod background;
pub mod chain;
pub mod doctor;
pub mod events;
pub mod functions_host;
mod json;
pub mod links;
pub mod lock_holder;
pub mod log;
pub mod marks;
mod net;
mod reason;
pub mod server;
pub mod settings;
pub mod signer;
pub mod text;
pub mod tezos;
pub mod vault;
pub mod wiring;

pub use reason::Reason;

// For mutation testing, see `tests/mutants/library.rs`.
#[cfg(test)]
#[cfg(feature = "mutants")]
extern crate self as azurehsm_signer;
#[cfg(test)]
#[cfg(feature = "mutants")]
#[path = "../tests/mutants/library.rs"]
mod mutants;
#[cfg(test)]
#[cfg(feature = "mutants")]
use mutants::{samples, support};
