//! Azure Key Vault and Managed HSM. Private keys never leave them.

mod binding;
mod calls;
mod diagnostics;
mod discovery;
mod eligibility;
mod errors;
mod key_identifier;
mod left_out;
mod pass;
mod signing;
mod unwrapping;
mod unwrapping_key;
mod warm;

pub use binding::bound_to;
pub use diagnostics::{AllPublicKeys, ListedVersion, RotationPolicy};
pub(crate) use eligibility::check_selection;
pub use eligibility::{Assessment, IneligibleKey, assess, check_attributes, public_key};
pub use key_identifier::{InvalidIdentifier, KeyIdentifier, KeyTag, VaultUrl};
pub use unwrapping::KeyUnwrapper;
pub use unwrapping_key::UnwrappingKey;

use super::{FoundKeys, FoundSoFar, Key, Vault, VaultError};
use crate::azure::{ScopedTokens, ServiceClient, TlsRoots, Tokens};
use crate::net::CallCounts;
use crate::net::retry::LATE_AFTER;
use crate::tezos::{BlsPublicKey, BlsScheme, Signature};
use async_trait::async_trait;
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use discovery::Discovery;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::Mutex;

/// The vault, which of its keys to use, and timing.
#[derive(Debug, Clone)]
pub struct KeyVaultSettings {
    /// `KEY_VAULT_URL`.
    pub url: VaultUrl,
    /// `SIGNING_KEYS`: use only these, without listing keys. If empty, use all that are found.
    pub keys: Vec<KeyIdentifier>,
    /// `SIGNING_KEY_TAG`: use only keys with this tag.
    pub tag: Option<KeyTag>,
    /// `VAULT_HEDGE_MS`: after how long a parallel signing call is made if the first has not been answered.
    pub hedge_after: Duration,
    /// `VAULT_IDLE_SECONDS`: after how long without a call a key is read.
    pub idle_after: Duration,
    /// Time limit of one call, even if no request waits for it any more.
    pub answer_timeout: Duration,
}

/// Time limit of one call: longer than any request of a client.
pub const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// All keys of a Key Vault or Managed HSM that can sign for Tezos: P-256 (tz3) and P-256K (tz2, secp256k1).
pub struct KeyVault {
    client: KeyClient,
    http_client: Arc<ServiceClient>,
    tokens: Arc<ScopedTokens>,
    hedge_after: Duration,
    idle_after: Duration,
    /// Whether the last read that was to keep the connection open was denied.
    is_read_denied: AtomicBool,
    counts: CallCounts,
    discovery: Mutex<Discovery>,
}

impl KeyVault {
    /// A client of the vault. Requests a token, but does not call the vault yet.
    ///
    /// # Errors
    /// If no HTTP client can be built.
    pub fn new(settings: KeyVaultSettings, tokens: Arc<Tokens>, roots: TlsRoots) -> Result<Self, azure_core::Error> {
        let tokens = tokens.scoped(&settings.url.scope());
        let hedge_after = settings.hedge_after.min(LATE_AFTER);
        let http_client = http_client(&settings.url, roots, hedge_after, settings.answer_timeout)?;
        let client = client(&settings.url, Arc::clone(&http_client), Arc::clone(&tokens))?;
        Ok(Self {
            client,
            http_client,
            tokens,
            hedge_after,
            idle_after: settings.idle_after,
            is_read_denied: AtomicBool::new(false),
            counts: CallCounts::default(),
            discovery: Mutex::new(Discovery::new(settings.keys, settings.tag)),
        })
    }
}

#[async_trait]
impl Vault for KeyVault {
    async fn keys(&self) -> Result<FoundKeys, VaultError> {
        self.discover(&|_| {}).await
    }

    async fn search(&self, so_far: &(dyn Fn(FoundSoFar) + Send + Sync)) -> Result<FoundKeys, VaultError> {
        self.discover(so_far).await
    }

    fn late_after(&self) -> Duration {
        self.hedge_after
    }

    fn calls(&self) -> Option<&CallCounts> {
        Some(&self.counts)
    }

    async fn sign(&self, key: &Key, payload: &[u8], _: BlsScheme) -> Result<Signature, VaultError> {
        self.sign_payload(key, payload).await
    }

    async fn keep_warm(&self) -> VaultError {
        self.read_when_idle().await
    }

    async fn prove_possession(&self, key: &Key, _: Option<&BlsPublicKey>) -> Result<Signature, VaultError> {
        Err(VaultError::unable(format!("{} is not a tz4 key: Key Vault and Managed HSM do not support them", key.hash)))
    }
}

/// The connections to a vault. Callers repeat a call after `late_after`; a call fails after `answer_timeout`.
fn http_client(
    url: &VaultUrl,
    roots: TlsRoots,
    late_after: Duration,
    answer_timeout: Duration,
) -> Result<Arc<ServiceClient>, azure_core::Error> {
    let client = ServiceClient::new(url.as_url().clone(), roots, late_after, answer_timeout).map_err(|error| {
        azure_core::Error::with_error(azure_core::error::ErrorKind::Other, error, "no HTTP client for the vault")
    })?;
    Ok(Arc::new(client))
}

/// A client without retries: the caller has the deadline, and retries.
fn client(
    url: &VaultUrl,
    http_client: Arc<ServiceClient>,
    tokens: Arc<ScopedTokens>,
) -> Result<KeyClient, azure_core::Error> {
    let client_options = ClientOptions {
        transport: Some(Transport::new(http_client)),
        retry: RetryOptions::none(),
        ..Default::default()
    };
    let options = KeyClientOptions { client_options, ..Default::default() };
    KeyClient::new(url.as_url().as_str(), tokens, Some(options))
}
