//! Stops and resumes of the key, while signers sign with it.
//!
//! What is written into a mark is decided by the product's own [`StopMark`](azurehsm_signer::marks::StopMark) and
//! [`LiftStops`](azurehsm_signer::marks::LiftStops). The model supplies the order of events: a command may pause after every step,
//! forever, and any number of steps of the signers and of other commands come in between.

mod actions;
mod broken;
mod commands;
pub(crate) mod properties;
mod protocol;
mod setup;
pub(crate) mod state;
pub(crate) mod stop;

pub use actions::StopAction;
pub use broken::BrokenStop;
pub use protocol::StopProtocol;
pub use setup::{Command, STOP_SETUPS, StopSetup};
pub use state::StopState;
