use super::{NotSigned, Refusal};
use crate::tezos::PublicKeyHash;
use crate::vault::{Key, Vault, VaultError};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

/// The keys of a vault, found by their hash, in memory.
///
/// When an unknown key is asked for, the vault is asked again: by one request at a time, and not too often, so that
/// guesses do not become load on the vault.
pub struct KeyRing {
    vault: Arc<dyn Vault>,
    keys: ArcSwap<HashMap<PublicKeyHash, Arc<Key>>>,
    asked: Mutex<Asked>,
    shortest_between: Duration,
}

/// When the vault was last asked for all its keys, and why it did not say all, if it did not.
#[derive(Default)]
struct Asked {
    at: Option<Instant>,
    trouble: Option<VaultError>,
}

/// After a question that was not answered, whatever the vault.
const SHORTEST_AFTER_TROUBLE: Duration = Duration::from_millis(500);

impl KeyRing {
    /// A ring that asks the vault for its keys when it is first needed. For an unknown key, the vault is asked again if
    /// `shortest_between` has passed since the last time.
    pub fn new(vault: Arc<dyn Vault>, shortest_between: Duration) -> Self {
        Self { vault, keys: ArcSwap::default(), asked: Mutex::default(), shortest_between }
    }

    /// The vault.
    pub fn vault(&self) -> &dyn Vault {
        self.vault.as_ref()
    }

    /// Asks the vault for all its keys. Each that is new is logged with all that an operator needs to use it. Whoever
    /// wants a key that is not there waits for the answer.
    ///
    /// # Errors
    /// [`VaultError`] if the vault does not say, or not all.
    pub async fn refresh(&self) -> Result<(), VaultError> {
        self.ask(&mut *self.asked.lock().await).await
    }

    /// The key with this hash.
    ///
    /// # Errors
    /// Refused, if the vault has no such key; failed, if it does not say.
    pub async fn find(&self, hash: &PublicKeyHash) -> Result<Arc<Key>, NotSigned> {
        if let Some(key) = self.held(hash) {
            return Ok(key);
        }
        let mut asked = self.asked.lock().await;
        if let Some(key) = self.held(hash) {
            return Ok(key);
        }
        let between = if asked.trouble.is_some() {
            self.shortest_between.min(SHORTEST_AFTER_TROUBLE)
        } else {
            self.shortest_between
        };
        if asked.at.is_none_or(|at| at.elapsed() >= between) {
            // The reason is logged, and told below.
            drop(self.ask(&mut asked).await);
        }
        match (self.held(hash), &asked.trouble) {
            (Some(key), _) => Ok(key),
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

    fn held(&self, hash: &PublicKeyHash) -> Option<Arc<Key>> {
        self.keys.load().get(hash).map(Arc::clone)
    }

    async fn ask(&self, asked: &mut Asked) -> Result<(), VaultError> {
        let answer = self.vault.keys().await;
        asked.at = Some(Instant::now());
        let trouble = match answer {
            Ok(found) => {
                let before = self.keys.load();
                for key in found.usable.iter().filter(|key| !before.contains_key(&key.hash)) {
                    info!(
                        key = %key.hash,
                        public_key = %key.public_key,
                        curve = %key.curve(),
                        name = key.name,
                        version = key.version,
                        "this key can sign"
                    );
                }
                let keys: HashMap<_, _> = found.usable.into_iter().map(|key| (key.hash, Arc::new(key))).collect();
                for key in before.values().filter(|key| !keys.contains_key(&key.hash)) {
                    warn!(key = %key.hash, name = key.name, version = key.version, "this key cannot sign any more");
                }
                self.keys.store(Arc::new(keys));
                found.unread
            }
            Err(error) => Some(error),
        };
        if let Some(error) = trouble.as_ref().filter(|_| trouble != asked.trouble) {
            warn!(reason = %error, "the vault does not say which keys it has");
        }
        asked.trouble.clone_from(&trouble);
        trouble.map_or(Ok(()), Err)
    }
}
