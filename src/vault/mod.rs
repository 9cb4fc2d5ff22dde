//! Vaults: where private keys live.

pub mod embedded;
mod key;
pub mod key_vault;

pub use embedded::EmbeddedVault;
pub use key::Key;
pub use key_vault::KeyVault;

use crate::net::retry::{Again, LATE_AFTER};
use crate::reason::Reason;
use crate::tezos::{BlsPublicKey, BlsScheme, Signature};
use async_trait::async_trait;
use std::fmt;
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

    /// The same. If it takes long, `so_far` learns now and then what has been found that may be used already.
    ///
    /// # Errors
    /// As [`Vault::keys`].
    async fn search(&self, _so_far: &(dyn Fn(FoundSoFar) + Send + Sync)) -> Result<FoundKeys, VaultError> {
        self.keys().await
    }

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
    /// Those that cannot sign now, for a reason that can change.
    pub unusable: Vec<UnusableKey>,
    /// Why some could not be read now, if so: a key that is not among the usable ones may be one of them.
    pub unread: Option<VaultError>,
}

/// A key whose public key the vault returns, and that cannot sign.
#[derive(Debug, Clone)]
pub struct UnusableKey {
    /// The key.
    pub key: Key,
    /// Why, such as "it expired at 2026-01-01T00:00:00Z".
    pub why: String,
}

/// What a search has found before its end.
#[derive(Debug, Clone, Default)]
pub struct FoundSoFar {
    /// Keys that were not among those of the last time, and that may be used: what is still unread cannot change that.
    pub usable: Vec<Key>,
    /// How far it has come.
    pub progress: SearchProgress,
}

/// How far a search of a vault has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SearchProgress {
    /// How many keys are listed so far.
    pub keys: usize,
    /// How many versions of them are listed so far.
    pub versions: usize,
    /// How many of these have been read.
    pub read: usize,
}

impl fmt::Display for SearchProgress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, versions, read } = self;
        write!(
            formatter,
            "{read} of {versions} versions of {keys} keys have been read so far. Name the versions that sign in \
             SIGNING_KEYS, and nothing has to be searched"
        )
    }
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
    /// What answers is not the service that it should be, such as one that wants tokens for another service.
    #[error("the vault cannot do this: {0}")]
    Untrusted(Reason),
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
            Self::Unavailable { why, .. }
            | Self::Unable(why)
            | Self::Untrusted(why)
            | Self::Denied(why)
            | Self::Missing(why) => why,
        }
    }

    /// The text for the log.
    pub fn log(&self) -> String {
        let text = self.to_string();
        let answer = self.reason().to_string();
        format!("{}{}", text.strip_suffix(answer.as_str()).unwrap_or_default(), self.reason().log())
    }

    /// Whether the two differ by no more than what the service says beside its status and code, such as the time and the
    /// number of a request.
    pub fn is_same_event(&self, other: &Self) -> bool {
        let is_same_kind = std::mem::discriminant(self) == std::mem::discriminant(other);
        is_same_kind && self.reason().to_string() == other.reason().to_string()
    }

    pub(crate) const fn again(&self) -> Again {
        match self {
            Self::Unavailable { retry_after, .. } => Again::Yes(*retry_after),
            Self::Denied(_) | Self::Missing(_) => Again::Once,
            Self::Unable(_) | Self::Untrusted(_) => Again::No,
        }
    }
}
