//! Vaults, which hold the private keys: Azure Key Vault and Managed HSM, and a file for development. Sealed keys: tz4 keys that a
//! vault's key unwraps.

mod blocking;
pub mod embedded;
mod key;
pub mod key_vault;
pub mod sealed;

pub use embedded::EmbeddedVault;
pub use key::Key;
pub use key_vault::KeyVault;

use crate::failure_reason::FailureReason;
use crate::net::CallCounts;
use crate::net::retry::{Again, LATE_AFTER};
use crate::tezos::{BlsPublicKey, BlsScheme, SecretKeyError, Signature};
use async_trait::async_trait;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// Holds private keys and signs with them. What it returns is not trusted: every signature is verified before release.
#[async_trait]
pub trait Vault: Send + Sync {
    /// All keys that can sign now. Called at start, periodically, and when an unknown key is requested.
    ///
    /// # Errors
    /// [`VaultError`] if the vault cannot list its keys. A single unusable key is not an error: it is left out and logged.
    async fn keys(&self) -> Result<FoundKeys, VaultError>;

    /// The same. In a long search, `so_far` is called with keys that may be used already.
    ///
    /// # Errors
    /// As [`Vault::keys`].
    async fn search(&self, _so_far: &(dyn Fn(FoundSoFar) + Send + Sync)) -> Result<FoundKeys, VaultError> {
        self.keys().await
    }

    /// Signs a whole payload: its BLAKE2b-256 digest for tz1, tz2 and tz3, the payload itself for tz4. One attempt: the
    /// caller has the deadline, and retries.
    async fn sign(&self, key: &Key, payload: &[u8], scheme: BlsScheme) -> Result<Signature, VaultError>;

    /// After how long a call is late, so that a parallel one starts.
    fn late_after(&self) -> Duration {
        LATE_AFTER
    }

    /// Counts of calls that were repeated, throttled or denied; `None` if there is no service to call.
    fn calls(&self) -> Option<&CallCounts> {
        None
    }

    /// While polled, keeps a connection to the service open, if there is one. Returns an error if the service no longer lets this
    /// identity use a key: then its keys should be searched again.
    async fn keep_warm(&self) -> VaultError {
        std::future::pending().await
    }

    /// Creates a proof of possession with a tz4 key, of itself or of another tz4 public key.
    async fn prove_possession(&self, key: &Key, about: Option<&BlsPublicKey>) -> Result<Signature, VaultError>;
}

/// The keys of a vault.
#[derive(Debug, Clone, Default)]
pub struct FoundKeys {
    /// Keys that can sign.
    pub usable: Vec<Key>,
    /// Keys that cannot sign now, for a reason that can change.
    pub unusable: Vec<UnusableKey>,
    /// Why some keys could not be read: then a key that is missing from `usable` may be one of them.
    pub unread: Option<VaultError>,
}

/// A key that cannot sign, with its public key.
#[derive(Debug, Clone)]
pub struct UnusableKey {
    /// The key that cannot sign.
    pub key: Key,
    /// The reason, such as "it expired at 2026-01-01T00:00:00Z".
    pub reason: String,
}

/// Intermediate results of a search.
#[derive(Debug, Clone, Default)]
pub struct FoundSoFar {
    /// Newly found keys that may be used: the rest of the search cannot change that.
    pub usable: Vec<Key>,
    /// The progress of the search.
    pub progress: SearchProgress,
}

/// The progress of a search of a vault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SearchProgress {
    /// Keys listed so far.
    pub keys: usize,
    /// Versions listed so far.
    pub versions: usize,
    /// Versions read so far.
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

/// The vault could not be used. Nothing is known to be wrong with the request: *failed*, not *refused*.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VaultError {
    /// A retry may succeed.
    #[error("the vault cannot be used now: {reason}")]
    Unavailable {
        /// The vault's error.
        reason: FailureReason,
        /// The vault's `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// A retry will not succeed.
    #[error("the vault cannot do this: {0}")]
    Unable(FailureReason),
    /// The answer is not from the expected service, such as one that demands tokens for another service.
    #[error("the vault cannot do this: {0}")]
    Untrusted(FailureReason),
    /// The identity may not do this (403), or it conflicts with the state of the key (409): final, unless a role or a key has
    /// only just been created.
    #[error("the vault cannot do this: {0}")]
    Denied(FailureReason),
    /// There is no such key or version: final, unless it has only just been created.
    #[error("it is not in the vault: {0}")]
    Missing(FailureReason),
}

impl From<SecretKeyError> for VaultError {
    fn from(error: SecretKeyError) -> Self {
        Self::unable(error.to_string())
    }
}

impl VaultError {
    /// A retry may succeed at any time.
    pub fn unavailable(reason: impl Into<FailureReason>) -> Self {
        Self::Unavailable { reason: reason.into(), retry_after: None }
    }

    /// A retry will not succeed.
    pub fn unable(reason: impl Into<FailureReason>) -> Self {
        Self::Unable(reason.into())
    }

    /// The request's deadline passed first. `last` is the last error before it.
    pub fn deadline(last: Option<&Self>) -> Self {
        const LATE: &str = "no signature within the request's deadline (REQUEST_DEADLINE_MS)";
        match last {
            Some(last) => Self::unavailable(last.reason().after(&format!("{LATE}; last error: "))),
            None => Self::unavailable(LATE),
        }
    }

    /// The vault's error.
    pub const fn reason(&self) -> &FailureReason {
        match self {
            Self::Unavailable { reason, .. }
            | Self::Unable(reason)
            | Self::Untrusted(reason)
            | Self::Denied(reason)
            | Self::Missing(reason) => reason,
        }
    }

    /// The text for the log.
    pub fn log(&self) -> String {
        let text = self.to_string();
        let answer = self.reason().to_string();
        format!("{}{}", text.strip_suffix(answer.as_str()).unwrap_or_default(), self.reason().log())
    }

    /// Whether the two errors have the same kind, status and code, and differ at most in details such as the time and id of a
    /// request.
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
