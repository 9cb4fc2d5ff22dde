//! The chain as a witness: another signer with the same key and no access to this store, and watchers that compare what the chain
//! shows with what was signed here.
//!
//! What a sighting is, and what to do about it, is decided by the product's own [`compare`](azurehsm_signer::witness::compare) and
//! [`respond`](azurehsm_signer::witness::respond), and what is written into a mark by its recordings. The model supplies the
//! order of events: a watcher may pause after every step, forever, and signers and operators go on in between.

mod actions;
mod broken;
mod properties;
mod protocol;
mod setup;
mod state;
mod watcher;

pub use actions::WitnessAction;
pub use broken::BrokenWitness;
pub use protocol::WitnessProtocol;
pub use setup::{WITNESS_SETUPS, WitnessSetup};
pub use state::WitnessState;
