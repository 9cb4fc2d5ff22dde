//! Doubles of what a signer uses of Azure: Key Vault or Managed HSM, Cosmos DB, and the managed identity endpoint. They
//! speak TLS on loopback, check tokens and roles as the services do, and whatever can go wrong with a service can be
//! made to go wrong at run time. For development only.
//!
//! ```no_run
//! # async fn example() {
//! use stand_ins::{Azure, Curve, Effect, Fault, NewKey, Operation, Times};
//!
//! let azure = Azure::start().await;
//! azure.key_vault.add_key(NewKey::new("baker", Curve::P256));
//! // The next mark is written, but the writer is not told.
//! let effect = Effect::HangAfterWork;
//! azure.cosmos.faults().add(Fault { on: Operation::ReplaceItem, times: Times::Next(1), effect });
//! std::process::Command::new("azurehsm-signer").envs(azure.environment());
//! # }
//! ```

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
mod tezos_node;
mod tokens;

pub use azure::{Azure, Options, Ports};
pub use control::Control;
pub use cosmos::{Cosmos, CosmosOptions, Region, StoredItem};
pub use delay::Delay;
pub use faults::{Effect, Fault, Faults, Operation, Times};
pub use identity::Identity;
pub use key_vault::{BadSignature, Curve, InvalidKey, KeyVault, KeyVersion, NewKey, RotationPolicy, VaultKind};
pub use precise_timer::PreciseTimer;
pub use tezos_node::TezosNode;
