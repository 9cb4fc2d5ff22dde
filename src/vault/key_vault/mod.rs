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

pub use binding::bound_to;
pub use diagnostics::{AllPublicKeys, ListedVersion, RotationPolicy};
pub(crate) use eligibility::check_selection;
pub use eligibility::{Assessment, IneligibleKey, assess, check_attributes, public_key};
pub use key_identifier::{InvalidIdentifier, KeyIdentifier, KeyTag, VaultUrl};

use super::{FoundKeys, FoundSoFar, Key, Vault, VaultError};
use crate::azure::{ServiceClient, TlsRoots, Tokens};
use crate::net::CallCounts;
use crate::net::retry::LATE_AFTER;
use crate::tezos::{BlsPublicKey, BlsScheme, Signature};
use async_trait::async_trait;
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use discovery::Discovery;
use std::sync::Arc;
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
    /// Time limit of one call, even if no request waits for it any more.
    pub answer_timeout: Duration,
}

/// Time limit of one call: longer than any request of a client.
pub const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// All keys of a Key Vault or Managed HSM that can sign for Tezos: P-256 (tz3) and P-256K (tz2, secp256k1).
pub struct KeyVault {
    client: KeyClient,
    tokens: Arc<Tokens>,
    scope: String,
    hedge_after: Duration,
    counts: CallCounts,
    discovery: Mutex<Discovery>,
}

impl KeyVault {
    /// A client of the vault. Requests a token, but does not call the vault yet.
    ///
    /// # Errors
    /// If no HTTP client can be built.
    pub fn new(settings: KeyVaultSettings, tokens: Arc<Tokens>, roots: TlsRoots) -> Result<Self, azure_core::Error> {
        let scope = settings.url.scope();
        tokens.keep(&scope);
        let hedge_after = settings.hedge_after.min(LATE_AFTER);
        let client = client(&settings, hedge_after, Arc::clone(&tokens), roots)?;
        let discovery = Mutex::new(Discovery::new(settings.keys, settings.tag));
        Ok(Self { client, tokens, scope, hedge_after, counts: CallCounts::default(), discovery })
    }

    /// While polled, makes a cheap call periodically, so that a connection is open when a signature is requested, and a dead one is
    /// found by this call instead of a signing request.
    pub async fn keep_warm(&self) {
        const INTERVAL: Duration = Duration::from_secs(20);
        const TIMEOUT: Duration = Duration::from_secs(5);
        loop {
            tokio::time::sleep(INTERVAL).await;
            // A search of the vault makes enough calls.
            let known = self.discovery.try_lock().ok().and_then(|discovery| discovery.any_known());
            if let Some(known) = known {
                // A persistent error will show in the next signing request.
                drop(tokio::time::timeout(TIMEOUT, self.read_key(&known)).await);
            }
        }
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

    async fn prove_possession(&self, key: &Key, _: Option<&BlsPublicKey>) -> Result<Signature, VaultError> {
        Err(VaultError::unable(format!("{} is not a tz4 key: Key Vault and Managed HSM do not support them", key.hash)))
    }
}

/// A client without retries: the caller has the deadline, and retries.
fn client(
    settings: &KeyVaultSettings,
    late_after: Duration,
    tokens: Arc<Tokens>,
    roots: TlsRoots,
) -> Result<KeyClient, azure_core::Error> {
    let url = settings.url.as_url();
    let http_client = ServiceClient::new(url.clone(), roots, late_after, settings.answer_timeout).map_err(|error| {
        azure_core::Error::with_error(azure_core::error::ErrorKind::Other, error, "no HTTP client for the vault")
    })?;
    let client_options = ClientOptions {
        transport: Some(Transport::new(Arc::new(http_client))),
        retry: RetryOptions::none(),
        ..Default::default()
    };
    let options = KeyClientOptions { client_options, ..Default::default() };
    KeyClient::new(url.as_str(), tokens, Some(options))
}
