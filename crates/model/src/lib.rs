//! A model of the protocol between bakers, signer instances, a mark store and a vault, checked in every order in which things
//! can happen.
//!
//! What decides is the product's own code: [`azurehsm_signer::marks::Recording`], which holds the rule, and the decoder that
//! tells what a payload's mark is. The model is what surrounds it: who asks what of whom, a network that delays, reorders,
//! duplicates and loses, a vault that never makes the same signature twice, and processes that die between any two steps.

#![allow(
    clippy::indexing_slicing,
    reason = "a model that asks for what it has not made is wrong, and should say so at once"
)]

mod action;
mod ask;
mod broken;
mod calm;
mod faults;
mod hashed;
mod history;
mod payload;
mod properties;
mod protocol;
mod recording;
mod report;
mod setup;
mod state;
mod store;
mod task;

pub use action::{Action, Fault};
pub use broken::Broken;
pub use payload::Form;
pub use protocol::Protocol;
pub use report::{Caught, Explored, catch, explore};
pub use setup::{Loss, SETUPS, Setup, THOROUGH};
pub use state::State;
