//! A model of the protocol between bakers, signer instances, a mark store and a vault, checked in every order in which things
//! can happen.
//!
//! The decisions are the product's own code: [`azurehsm_signer::marks::Recording`], which applies the rule, and the decoder that
//! maps a payload to its mark. The model supplies the environment: bakers and their requests, a network that delays, reorders,
//! duplicates and loses messages, a vault whose signatures always differ, and processes that crash between any two steps.

#![allow(clippy::indexing_slicing, reason = "an index out of range is a bug in the model, and must not go unnoticed")]

mod action;
mod broken;
mod calm;
mod faults;
mod hashed;
mod history;
mod payload;
mod properties;
mod protocol;
mod recording;
mod relays;
mod report;
mod setup;
mod state;
mod steps;
mod stops;
mod store;
mod task;
mod workload;

pub use action::{Action, Fault};
pub use broken::Broken;
pub use payload::Form;
pub use protocol::Protocol;
pub use relays::{BrokenRelay, RELAY_SETUPS, RelayAction, RelayProtocol, RelaySetup, RelayState, Upstream};
pub use report::{Caught, Explored, catch, catch_relay, catch_stop, explore, explore_relays, explore_stops};
pub use setup::{Loss, SETUPS, Setup, THOROUGH};
pub use state::State;
pub use stops::{BrokenStop, Command, STOP_SETUPS, StopAction, StopProtocol, StopSetup, StopState};
