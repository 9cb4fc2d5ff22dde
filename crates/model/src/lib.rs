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
mod handover;
mod hashed;
mod history;
mod payload;
mod properties;
mod protocol;
mod raise;
mod recording;
mod recovery;
mod relays;
mod report;
mod setup;
mod state;
mod steps;
mod stops;
mod store;
mod task;
mod witness;
mod workload;

pub use action::{Action, Fault};
pub use broken::Broken;
pub use handover::{BrokenHandover, HANDOVER_SETUPS, HandoverAction, HandoverProtocol, HandoverSetup, HandoverState};
pub use payload::Form;
pub use protocol::Protocol;
pub use recovery::{BrokenRecovery, RECOVERY_SETUPS, RecoveryAction, RecoveryProtocol, RecoverySetup, RecoveryState};
pub use relays::{BrokenRelay, RELAY_SETUPS, RelayAction, RelayProtocol, RelaySetup, RelayState, Upstream};
pub use report::{
    Caught, Explored, catch, catch_handover, catch_recovery, catch_relay, catch_stop, catch_witness, explore,
    explore_handovers, explore_recoveries, explore_relays, explore_stops, explore_witness,
};
pub use setup::{Loss, SETUPS, Setup, THOROUGH};
pub use state::State;
pub use stops::{BrokenStop, Command, STOP_SETUPS, StopAction, StopProtocol, StopSetup, StopState};
pub use witness::{BrokenWitness, WITNESS_SETUPS, WitnessAction, WitnessProtocol, WitnessSetup, WitnessState};
