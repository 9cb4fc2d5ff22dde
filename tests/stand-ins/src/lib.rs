//! Doubles of what a signer uses of Azure: Key Vault or Managed HSM, Cosmos DB, and the managed identity endpoint. They
//! speak TLS on loopback, check tokens and roles as the services do, and whatever can go wrong with a service can be
//! made to go wrong at run time. For development only.

mod answers;
mod azure;
mod certificate;
mod connections;
mod control;
mod cosmos;
mod delay;
mod double;
mod faults;
mod identity;
mod key_vault;
mod milliseconds;
mod precise_timer;
mod random;
mod requests;
mod tokens;

pub use azure::{Azure, Options, Ports};
pub use control::{Control, HELP};
pub use cosmos::{Cosmos, CosmosOptions};
pub use delay::Delay;
pub use faults::{Effect, Fault, Faults, Operation, Times};
pub use identity::Identity;
pub use key_vault::{BadSignature, Curve, InvalidKey, KeyVault, KeyVersion, NewKey, RotationPolicy, VaultKind};
pub use precise_timer::PreciseTimer;
