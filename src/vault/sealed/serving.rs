//! Serving sealed keys together with the keys of a vault.

use super::recipient_vaults::{NotOpened, RecipientVaults};
use super::sealing::SealedKey;
use super::source::{SealedEntry, SealedKeySource};
use super::survey::{OTHER_STORE, TWICE};
use crate::failure_reason::FailureReason;
use crate::marks::{MarkStore, StoreIdentity};
use crate::net::CallCounts;
use crate::tezos::{BlsPublicKey, BlsScheme, Curve, PublicKeyHash, SecretKey, Signature};
use crate::vault::blocking::on_blocking_thread;
use crate::vault::{FoundKeys, FoundSoFar, Key, SearchProgress, UnusableKey, Vault, VaultError};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};

/// How long one search waits for the sources to list their keys. The next search tries again.
const LIST_TIMEOUT: Duration = Duration::from_secs(3);

/// How long one search then waits for vaults to unwrap. The next search tries again.
const OPEN_TIMEOUT: Duration = Duration::from_secs(6);

/// A vault, and sealed keys. Each sealed key is opened by a search, and stays open in memory until it is changed or removed where it is
/// stored: no signature waits for a vault, or for a folder or a container.
pub struct WithSealedKeys {
    vault: Arc<dyn Vault>,
    sources: Vec<Source>,
    recipients: RecipientVaults,
    store: Arc<dyn MarkStore>,
    open: ArcSwap<HashMap<PublicKeyHash, OpenKey>>,
    /// What has been logged since the key was last opened: locations and problems.
    logged: Mutex<HashSet<(String, String)>>,
}

/// Where sealed keys are stored, and what was there when it was last read.
struct Source {
    keys: Arc<dyn SealedKeySource>,
    /// `None` before the first time.
    last: Mutex<Option<Vec<SealedEntry>>>,
}

/// What a search has found.
struct Found {
    keys: FoundKeys,
    /// The addresses of all sealed keys, open or not.
    addresses: Vec<PublicKeyHash>,
    /// Whether these are all: each source was read at least once.
    is_all_listed: bool,
}

#[derive(Clone)]
struct OpenKey {
    name: String,
    sealed: SealedKey,
    secret: Arc<SecretKey>,
}

impl Source {
    /// The keys that are there, or were when it could last be read; and why it cannot be read now.
    async fn list(&self, deadline: Instant) -> (Vec<SealedEntry>, Option<FailureReason>) {
        match self.keys.list(deadline).await {
            Ok(entries) => {
                *self.last() = Some(entries.clone());
                (entries, None)
            }
            Err(reason) => (self.last().clone().unwrap_or_default(), Some(reason)),
        }
    }

    fn is_listed(&self) -> bool {
        self.last().is_some()
    }

    fn last(&self) -> MutexGuard<'_, Option<Vec<SealedEntry>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WithSealedKeys {
    /// Serves the sealed keys of these sources in addition to those of `vault`, if their marks are in `store`.
    pub fn new(
        vault: Arc<dyn Vault>,
        sources: Vec<Arc<dyn SealedKeySource>>,
        recipients: RecipientVaults,
        store: Arc<dyn MarkStore>,
    ) -> Self {
        let sources = sources.into_iter().map(|keys| Source { keys, last: Mutex::default() }).collect();
        Self { vault, sources, recipients, store, open: ArcSwap::default(), logged: Mutex::default() }
    }

    /// The secret of a sealed key; `None` for a key of the vault.
    fn secret(&self, key: &Key) -> Result<Option<Arc<SecretKey>>, VaultError> {
        if key.purpose.is_none() {
            return Ok(None);
        }
        match self.open.load().get(&key.hash) {
            Some(open) => Ok(Some(Arc::clone(&open.secret))),
            None => Err(VaultError::unable(format!("{} is no longer among the sealed keys", key.hash))),
        }
    }

    /// Lists the keys, and opens what is not open. Passes on each key as soon as it is open.
    async fn open_all(&self, so_far: &(dyn Fn(FoundSoFar) + Send + Sync)) -> Found {
        let list_by = Instant::now() + LIST_TIMEOUT;
        let identified = async {
            if self.store.identity().is_none() {
                // Whether it can be identified shows below.
                drop(self.store.connected(list_by).await);
            }
            self.store.identity()
        };
        let (listed, store) =
            tokio::join!(join_all(self.sources.iter().map(|source| source.list(list_by))), identified);
        let mut found = FoundKeys::default();
        let mut entries = Vec::new();
        for (listed, problem) in listed {
            entries.extend(listed);
            found.unread = found.unread.or(problem.map(VaultError::unavailable));
        }
        let before = self.open.load_full();
        let addresses: Vec<_> =
            entries.iter().filter_map(|entry| Some(entry.key.as_ref().ok()?.public_key().hash())).collect();
        let is_alone = |address: &PublicKeyHash| addresses.iter().filter(|other| *other == address).count() == 1;
        let deadline = Instant::now() + OPEN_TIMEOUT;
        let mut outcomes: FuturesUnordered<_> = entries
            .into_iter()
            .map(|entry| self.look_at(entry, store.as_ref(), &before, &is_alone, deadline))
            .collect();
        let mut open = HashMap::new();
        while let Some(outcome) = outcomes.next().await {
            let key = match outcome {
                Outcome::Open(key) => Some(*key),
                Outcome::Unusable(key) => {
                    found.unusable.extend(key.map(|key| *key));
                    None
                }
                Outcome::Later(error, still_open) => {
                    found.unread = found.unread.or(Some(error));
                    still_open.map(|key| *key)
                }
            };
            let Some(key) = key else { continue };
            let usable = key_of(&key.name, &key.sealed);
            self.open.rcu(|open| {
                let mut open = HashMap::clone(open);
                open.insert(usable.hash, key.clone());
                open
            });
            so_far(FoundSoFar { usable: vec![usable.clone()], progress: SearchProgress::default() });
            open.insert(usable.hash, key);
            found.usable.push(usable);
        }
        drop(outcomes);
        self.open.store(Arc::new(open));
        let is_all_listed = self.sources.iter().all(Source::is_listed);
        Found { keys: found, addresses, is_all_listed }
    }

    async fn look_at(
        &self,
        SealedEntry { name, location, key }: SealedEntry,
        store: Option<&StoreIdentity>,
        before: &HashMap<PublicKeyHash, OpenKey>,
        is_alone: &(dyn Fn(&PublicKeyHash) -> bool + Sync),
        deadline: Instant,
    ) -> Outcome {
        let sealed = match key {
            Ok(sealed) => sealed,
            Err(reason) => {
                self.log((&name, &location), None, &reason, &reason);
                return Outcome::Unusable(None);
            }
        };
        let address = sealed.public_key().hash();
        let unusable = |reason: String| {
            self.log((&name, &location), Some(address), &reason, &reason);
            Outcome::Unusable(Some(Box::new(UnusableKey { key: key_of(&name, &sealed), reason })))
        };
        if !is_alone(&address) {
            return unusable(TWICE.to_owned());
        }
        match store {
            None => return Outcome::Later(VaultError::unavailable("the mark store has not been identified yet"), None),
            Some(store) if store != sealed.purpose().store() => {
                return unusable(OTHER_STORE.to_owned());
            }
            Some(_) => {}
        }
        let before = before.get(&address).filter(|open| open.sealed.purpose() == sealed.purpose());
        if let Some(OpenKey { secret, .. }) = before.filter(|open| open.sealed == sealed) {
            return Outcome::Open(Box::new(OpenKey { name, sealed, secret: Arc::clone(secret) }));
        }
        match self.recipients.open(&sealed, deadline).await {
            Ok(secret) => {
                self.logged().retain(|(logged, _)| *logged != location);
                info!(
                    event = "sealed_key_opened",
                    key = %address,
                    name,
                    location,
                    role = %sealed.purpose().role(),
                    "a sealed key is open"
                );
                Outcome::Open(Box::new(OpenKey { name, sealed, secret: Arc::new(secret) }))
            }
            Err(NotOpened::Unusable(reason)) => unusable(reason),
            Err(NotOpened::Vault(error)) => {
                self.log((&name, &location), Some(address), &error.to_string(), &error.log());
                // It has other recipients, and the key is the same.
                Outcome::Later(error, before.cloned().map(Box::new))
            }
        }
    }

    /// Logs why a key does not sign, once for each `problem`: the full reason may have the time and the id of a request.
    fn log(&self, (name, location): (&str, &str), key: Option<PublicKeyHash>, problem: &str, reason: &str) {
        if self.logged().insert((location.to_owned(), problem.to_owned())) {
            let key = key.map(tracing::field::display);
            warn!(event = "sealed_key_unusable", key, name, location, reason, "a sealed key does not sign");
        }
    }

    fn logged(&self) -> MutexGuard<'_, HashSet<(String, String)>> {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a search has found out about an entry.
enum Outcome {
    Open(Box<OpenKey>),
    /// Without a key if the entry has none.
    Unusable(Option<Box<UnusableKey>>),
    /// A retry may succeed. With the key as it was opened before.
    Later(VaultError, Option<Box<OpenKey>>),
}

fn key_of(name: &str, sealed: &SealedKey) -> Key {
    Key::new(name.to_owned(), sealed.public_key().clone()).with_purpose(sealed.purpose().clone())
}

#[async_trait]
impl Vault for WithSealedKeys {
    async fn keys(&self) -> Result<FoundKeys, VaultError> {
        self.search(&|_| {}).await
    }

    async fn search(&self, so_far: &(dyn Fn(FoundSoFar) + Send + Sync)) -> Result<FoundKeys, VaultError> {
        let vault = async {
            let found = self.vault.search(so_far).await;
            if let Ok(found) = &found {
                // Sealed keys that take long to open must not keep them back. A tz4 key may be a copy of one of those.
                let usable = found.usable.iter().filter(|key| key.public_key.curve() != Curve::Bls).cloned().collect();
                so_far(FoundSoFar { usable, progress: SearchProgress::default() });
            }
            found
        };
        let (found, sealed) = tokio::join!(vault, self.open_all(so_far));
        let Found { keys: sealed, addresses, is_all_listed } = sealed;
        let mut found = found?;
        // A copy in the vault has no purpose. It does not sign before the sealed key is open, either.
        let may_be_sealed =
            |key: &Key| addresses.contains(&key.hash) || (!is_all_listed && key.public_key.curve() == Curve::Bls);
        found.usable.retain(|key| !may_be_sealed(key));
        found.usable.extend(sealed.usable);
        found.unusable.extend(sealed.unusable);
        found.unread = found.unread.or(sealed.unread);
        Ok(found)
    }

    async fn sign(&self, key: &Key, payload: &[u8], scheme: BlsScheme) -> Result<Signature, VaultError> {
        let Some(secret) = self.secret(key)? else { return self.vault.sign(key, payload, scheme).await };
        let payload = payload.to_vec();
        Ok(on_blocking_thread(move || secret.sign(&payload, scheme)).await??)
    }

    fn late_after(&self) -> Duration {
        self.vault.late_after()
    }

    fn calls(&self) -> Option<&CallCounts> {
        self.vault.calls()
    }

    async fn keep_warm(&self) -> VaultError {
        self.vault.keep_warm().await
    }

    async fn prove_possession(&self, key: &Key, about: Option<&BlsPublicKey>) -> Result<Signature, VaultError> {
        let Some(secret) = self.secret(key)? else { return self.vault.prove_possession(key, about).await };
        let about = about.cloned();
        Ok(on_blocking_thread(move || secret.prove_possession(about.as_ref())).await??)
    }
}
