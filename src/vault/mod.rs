//! Vaults: where private keys live.

mod key;
pub mod key_vault;
pub mod local;

pub use key::Key;
pub use key_vault::KeyVault;
pub use local::LocalVault;

use crate::reason::Reason;
use crate::tezos::{BlsPublicKey, BlsScheme, Signature};
use crate::tries::{Again, LATE_AFTER};
use async_trait::async_trait;
use std::time::Duration;
use thiserror::Error;

/// Holds private keys and signs with them. What it returns is not trusted: every signature is verified before release.
#[async_trait]
pub trait Vault: Send + Sync {
    /// All keys that can sign now. Called at start, from time to time, and when an unknown key is asked for.
    ///
    /// # Errors
    /// [`VaultError`] if the vault does not say; one unusable key is no error, but left out and logged.
    async fn keys(&self) -> Result<FoundKeys, VaultError>;

    /// Signs a whole payload: its BLAKE2b-256 digest for tz1, tz2 and tz3, the payload itself for tz4. One try: whoever
    /// asks knows how much time there is for another.
    async fn sign(&self, key: &Key, payload: &[u8], scheme: BlsScheme) -> Result<Signature, VaultError>;

    /// After how long a call is late, so that another one starts beside it.
    fn late_after(&self) -> Duration {
        LATE_AFTER
    }

    /// Makes a proof of possession with a tz4 key, about itself or about another tz4 public key.
    async fn prove_possession(&self, key: &Key, about: Option<&BlsPublicKey>) -> Result<Signature, VaultError>;
}

/// What a vault says of its keys.
#[derive(Debug, Clone, Default)]
pub struct FoundKeys {
    /// Those that can sign.
    pub usable: Vec<Key>,
    /// Why some could not be read now, if so: a key that is not among the usable ones may be one of them.
    pub unread: Option<VaultError>,
}

/// The vault did not do what it was asked. Nothing is known to be wrong with the request: *failed*, not *refused*.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VaultError {
    /// It may work when tried again.
    #[error("the vault cannot be used now: {why}")]
    Unavailable {
        /// What it said.
        why: Reason,
        /// How long to wait before the next try, if it said so.
        retry_after: Option<Duration>,
    },
    /// It will not work when tried again.
    #[error("the vault cannot do this: {0}")]
    Unable(Reason),
    /// The identity may not do this (403), or the vault is in conflict about it (409): final, unless a role or a key was
    /// created just now.
    #[error("the vault cannot do this: {0}")]
    Denied(Reason),
    /// There is no such key, or no such version: final, unless it was created just now.
    #[error("it is not in the vault: {0}")]
    Missing(Reason),
}

impl VaultError {
    /// It may work when tried again, at any time.
    pub fn unavailable(why: impl Into<Reason>) -> Self {
        Self::Unavailable { why: why.into(), retry_after: None }
    }

    /// It will not work when tried again.
    pub fn unable(why: impl Into<Reason>) -> Self {
        Self::Unable(why.into())
    }

    /// The request's deadline came first. `last` is what went wrong before, if anything did.
    pub fn deadline(last: Option<&Self>) -> Self {
        const LATE: &str = "no signature within the request's deadline (REQUEST_DEADLINE_MS)";
        match last {
            Some(last) => Self::unavailable(last.reason().after(&format!("{LATE}; the last trouble was: "))),
            None => Self::unavailable(LATE),
        }
    }

    /// What the vault said.
    pub const fn reason(&self) -> &Reason {
        match self {
            Self::Unavailable { why, .. } | Self::Unable(why) | Self::Denied(why) | Self::Missing(why) => why,
        }
    }

    /// The text for the log.
    pub fn log(&self) -> String {
        let text = self.to_string();
        let answer = self.reason().to_string();
        format!("{}{}", text.strip_suffix(answer.as_str()).unwrap_or_default(), self.reason().log())
    }

    pub(crate) const fn again(&self) -> Again {
        match self {
            Self::Unavailable { retry_after, .. } => Again::Yes(*retry_after),
            Self::Denied(_) | Self::Missing(_) => Again::Once,
            Self::Unable(_) => Again::No,
        }
    }
}
