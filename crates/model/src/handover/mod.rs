//! A key that is handed over from one signer to another with a store of its own, and back.
//!
//! What is written into a mark is decided by the product's own code. The model supplies the order of events: both signers may
//! receive requests at any time, and the operator may pause after every step, forever.

mod actions;
mod broken;
mod operator;
mod properties;
mod protocol;
mod setup;
mod state;

pub use actions::HandoverAction;
pub use broken::BrokenHandover;
pub use protocol::HandoverProtocol;
pub use setup::{HANDOVER_SETUPS, HandoverSetup};
pub use state::HandoverState;
