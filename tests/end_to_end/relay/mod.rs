//! The relay, as the shipped binary, before signers that are the shipped binary, too.

mod answers;
mod authentication;
mod check;
mod companion;
mod connections;
mod credentials;
pub(crate) mod front;
mod heartbeat;
mod identity;
mod listening;
mod metrics;
mod reload;
pub(crate) mod setup;
mod traces;
mod trouble;
