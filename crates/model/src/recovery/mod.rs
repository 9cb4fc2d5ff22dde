//! A store that is created again or restored to an old state, and `marks recover`, while signers run.
//!
//! What is written into a mark is decided by the product's own [`Raise`](azurehsm_signer::marks::Raise), and whether a container may
//! be used by its comparison of the key's tag. The model supplies the order of events: a command may pause after every step,
//! forever, and be repeated; marks may be lost at any time, also while they are recovered; and signers go on with what they
//! have seen before.

mod actions;
mod broken;
mod command;
mod properties;
mod protocol;
mod setup;
mod state;

pub use actions::RecoveryAction;
pub use broken::BrokenRecovery;
pub use protocol::RecoveryProtocol;
pub use setup::{RECOVERY_SETUPS, RecoverySetup};
pub use state::RecoveryState;
