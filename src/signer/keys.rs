use super::{NotSigned, Refusal};
use crate::tezos::PublicKeyHash;
use crate::vault::{Key, Vault, VaultError};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tracing::{info, warn};

/// The keys of a vault, found by their hash, in memory.
///
/// When an unknown key is asked for, the vault is asked again: by one request at a time, and not more often than
/// twice a second, so that guesses do not become load on the vault.
pub struct KeyRing {
    vault: Arc<dyn Vault>,
    keys: ArcSwap<HashMap<PublicKeyHash, Arc<Key>>>,
    asked: Mutex<Asked>,
}

/// When the vault was last asked for all its keys, and why it did not say, if it did not.
struct Asked {
    at: Instant,
    failed: Option<VaultError>,
}

const SHORTEST_BETWEEN: Duration = Duration::from_millis(500);

impl KeyRing {
    /// The keys that the vault has now. Each is logged with all that an operator needs to use it.
    ///
    /// # Errors
    /// [`VaultError`] if the vault does not say.
    pub async fn of(vault: Arc<dyn Vault>) -> Result<Self, VaultError> {
        let ring =
            Self { vault, keys: ArcSwap::default(), asked: Mutex::new(Asked { at: Instant::now(), failed: None }) };
        ring.refresh().await?;
        Ok(ring)
    }

    /// The vault.
    pub fn vault(&self) -> &dyn Vault {
        self.vault.as_ref()
    }

    /// The key with this hash.
    ///
    /// # Errors
    /// Refused, if the vault has no such key; failed, if it does not say.
    pub async fn find(&self, hash: &PublicKeyHash) -> Result<Arc<Key>, NotSigned> {
        if let Some(key) = self.keys.load().get(hash) {
            return Ok(Arc::clone(key));
        }
        let mut asked = self.asked.lock().await;
        if asked.at.elapsed() >= SHORTEST_BETWEEN {
            asked.failed = self.refresh().await.err();
            asked.at = Instant::now();
            if let Some(error) = &asked.failed {
                warn!(reason = %error, "the vault does not say which keys it has");
            }
        }
        match (self.keys.load().get(hash), &asked.failed) {
            (Some(key), _) => Ok(Arc::clone(key)),
            (None, Some(error)) => Err(error.clone().into()),
            (None, None) => Err(Refusal::UnknownKey { key: *hash }.into()),
        }
    }

    /// All keys, in the order of their names.
    pub fn list(&self) -> Vec<Arc<Key>> {
        let mut keys: Vec<_> = self.keys.load().values().map(Arc::clone).collect();
        keys.sort_by(|left, right| {
            left.name.cmp(&right.name).then_with(|| left.public_key.as_bytes().cmp(right.public_key.as_bytes()))
        });
        keys
    }

    async fn refresh(&self) -> Result<(), VaultError> {
        let before = self.keys.load();
        let keys = self.vault.keys().await?;
        for key in &keys {
            if !before.contains_key(&key.hash) {
                info!(
                    key = %key.hash,
                    public_key = %key.public_key,
                    curve = %key.curve(),
                    name = key.name,
                    "this key can sign"
                );
            }
        }
        self.keys.store(Arc::new(keys.into_iter().map(|key| (key.hash, Arc::new(key))).collect()));
        Ok(())
    }
}
