//! Vaults: where private keys live.

mod key;
pub mod local;

pub use key::Key;
pub use local::LocalVault;

use crate::tezos::{BlsScheme, PublicKey, Signature};
use async_trait::async_trait;
use thiserror::Error;

/// Holds private keys and signs with them. What it returns is not trusted: every signature is verified before release.
#[async_trait]
pub trait Vault: Send + Sync {
    /// All keys that can sign now. Called at start and again when an unknown key is asked for.
    ///
    /// # Errors
    /// [`VaultError`] if the vault does not say; one unusable key is no error, but left out and logged.
    async fn keys(&self) -> Result<Vec<Key>, VaultError>;

    /// Signs a whole payload: its BLAKE2b-256 digest for tz1, tz2 and tz3, the payload itself for tz4.
    async fn sign(&self, key: &Key, payload: &[u8], scheme: BlsScheme) -> Result<Signature, VaultError>;

    /// Makes a proof of possession with a tz4 key, about itself or about another tz4 public key.
    async fn prove_possession(&self, key: &Key, about: Option<&PublicKey>) -> Result<Signature, VaultError>;
}

/// The vault did not do what it was asked. Nothing is known to be wrong with the request: *failed*, not *refused*.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VaultError {
    /// It may work when tried again.
    #[error("the vault cannot be used now: {0}")]
    Unavailable(String),
    /// It will not work when tried again.
    #[error("the vault cannot do this: {0}")]
    Unable(String),
}
