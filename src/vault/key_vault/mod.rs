//! Azure Key Vault and Managed HSM: keys that never leave them.

mod discovery;
mod errors;
mod identifiers;
mod inspection;
mod signing;
mod usable;

pub use discovery::key_of;
pub use identifiers::{InvalidIdentifier, KeyIdentifier, KeyTag, VaultUrl};
pub use usable::{Unusable, check_attributes, public_key};

use super::{FoundKeys, Key, Vault, VaultError};
use crate::azure::{Connections, TlsRoots, Tokens};
use crate::tezos::{BlsScheme, PublicKey, Signature};
use async_trait::async_trait;
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use discovery::Discovery;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Which vault, which of its keys, and how it is asked.
#[derive(Debug, Clone)]
pub struct KeyVaultSettings {
    /// `KEY_VAULT_URL`.
    pub url: VaultUrl,
    /// `SIGNING_KEYS`: only these, without listing; all that are found, if there are none.
    pub keys: Vec<KeyIdentifier>,
    /// `SIGNING_KEY_TAG`: only keys that have it.
    pub tag: Option<KeyTag>,
    /// `VAULT_TRY_TIMEOUT_MS`: how long one try may take.
    pub try_timeout: Duration,
    /// `VAULT_HEDGE_MS`: after how long a second call is made beside the first.
    pub hedge: Option<Duration>,
}

/// All keys of a Key Vault or Managed HSM that can sign for Tezos: P-256 (tz3) and P-256K (tz2, secp256k1).
pub struct KeyVault {
    client: KeyClient,
    tokens: Arc<Tokens>,
    scope: String,
    hedge: Option<Duration>,
    discovery: Mutex<Discovery>,
}

impl KeyVault {
    /// A client of the vault. Nothing is asked yet but a token.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(settings: KeyVaultSettings, tokens: Arc<Tokens>, roots: TlsRoots) -> Result<Self, azure_core::Error> {
        let scope = settings.url.scope();
        tokens.keep(&scope);
        let client = client(&settings.url, settings.try_timeout, Arc::clone(&tokens), roots)?;
        let discovery = Mutex::new(Discovery::new(settings.keys, settings.tag));
        Ok(Self { client, tokens, scope, hedge: settings.hedge, discovery })
    }

    /// Makes a cheap call now and then, for as long as it is polled, so that there is a connection whenever a signature is
    /// wanted, and a dead one is found by this call rather than by a signature.
    pub async fn keep_warm(&self) {
        const BETWEEN: Duration = Duration::from_secs(20);
        loop {
            tokio::time::sleep(BETWEEN).await;
            let known = self.discovery.lock().await.any_known();
            if let Some(known) = known {
                // What went wrong shows in the next signature, if it still does then.
                drop(self.read_key(&known).await);
            }
        }
    }
}

#[async_trait]
impl Vault for KeyVault {
    async fn keys(&self) -> Result<FoundKeys, VaultError> {
        const LONGEST_SEARCH: Duration = Duration::from_secs(20);
        tokio::time::timeout(LONGEST_SEARCH, self.discover()).await.unwrap_or_else(|_| {
            let seconds = LONGEST_SEARCH.as_secs();
            Err(VaultError::unavailable(format!("its keys were not all told within {seconds} s")))
        })
    }

    async fn sign(&self, key: &Key, payload: &[u8], _: BlsScheme) -> Result<Signature, VaultError> {
        self.sign_payload(key, payload).await
    }

    async fn prove_possession(&self, key: &Key, _: Option<&PublicKey>) -> Result<Signature, VaultError> {
        Err(VaultError::Unable(format!("{} is no tz4 key: Key Vault and Managed HSM have none", key.hash)))
    }
}

/// A client that tries once: whoever asks knows how much time there is for another try.
fn client(
    url: &VaultUrl,
    limit: Duration,
    tokens: Arc<Tokens>,
    roots: TlsRoots,
) -> Result<KeyClient, azure_core::Error> {
    let connections = Connections::new(url.as_url().clone(), roots, limit).map_err(|error| {
        azure_core::Error::with_error(azure_core::error::ErrorKind::Other, error, "no HTTP client for the vault")
    })?;
    let client_options = ClientOptions {
        transport: Some(Transport::new(Arc::new(connections))),
        retry: RetryOptions::none(),
        ..Default::default()
    };
    let options = KeyClientOptions { client_options, ..Default::default() };
    KeyClient::new(url.as_url().as_str(), tokens, Some(options))
}
