//! Doubles of the Azure services that a signer uses: Key Vault or Managed HSM, Cosmos DB, and the managed identity endpoint.
//! They speak TLS on loopback, check tokens and roles as the services do, and any failure of a service can be injected at
//! run time. Also doubles of a container of append blobs, of the sidecar that has keys released to a confidential container, of
//! Microsoft Entra ID, of a Tezos node, and of the platform in front of a signer, and an HTTPS server for a test's own answers. For
//! development only.
//!
//! ```no_run
//! # async fn example() {
//! use stand_ins::{Azure, Curve, Effect, Fault, NewKey, Operation, Times};
//!
//! let azure = Azure::start().await;
//! azure.key_vault.add_key(NewKey::new("baker", Curve::P256));
//! // The next mark is written, but the writer gets no response.
//! let effect = Effect::HangAfterWork;
//! azure.cosmos.faults().add(Fault { on: Operation::ReplaceItem, times: Times::Next(1), effect });
//! std::process::Command::new("azurehsm-signer").envs(azure.environment());
//! # }
//! ```

mod answers;
mod azure;
mod blobs;
mod certificate;
mod client_certificate;
mod connections;
mod control;
mod cosmos;
mod delay;
mod double;
mod entra;
mod faults;
mod function_app;
mod https_server;
mod identity;
mod key_release;
mod key_vault;
mod milliseconds;
mod precise_timer;
mod random;
mod requests;
mod serving;
mod tezos_node;
mod tokens;

pub use azure::{Azure, Options, Place, Ports};
pub use blobs::Blobs;
pub use client_certificate::KeyAndCertificate;
pub use connections::ConnectionNumber;
pub use control::Control;
pub use cosmos::{Cosmos, CosmosOptions, KEYS_CONTAINER, Region, StoredItem};
pub use delay::Delay;
pub use entra::{Application, ApplicationCredential, Entra};
pub use faults::{BadSignature, Effect, Fault, Faults, Operation, Times};
pub use function_app::{Access, FunctionApp};
pub use https_server::{HttpsServer, Protocols};
pub use identity::Identity;
pub use key_release::{KeyRelease, release_policy};
pub use key_vault::{Curve, InvalidKey, KeyVault, KeyVersion, NewKey, RotationPolicy, VaultKind};
pub use precise_timer::PreciseTimer;
pub use tezos_node::{ControlledNode, NodeMode, SharedChain, TezosNode, Transport, chain_of, node_answer};
