//! Relays between the bakers and the signers: each sends a request to one or two signers, repeats it, and answers with the first
//! reply that is final.
//!
//! What is sent and answered is decided by the product's own [`Decision`](azurehsm_signer::relay::decision::Decision). The model
//! supplies the order of events: relays are killed and forget everything, replies are lost, time passes, and the signers behind them
//! are those of the [other model](crate::Protocol).

mod actions;
mod broken;
mod properties;
mod protocol;
mod setup;
mod state;

pub use actions::RelayAction;
pub use broken::BrokenRelay;
pub use protocol::RelayProtocol;
pub use setup::{RELAY_SETUPS, RelaySetup, Upstream};
pub use state::RelayState;
