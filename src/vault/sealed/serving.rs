//! Serving the sealed keys of a folder together with the keys of a vault.

use super::folder::{Folder, SealedFile};
use super::recipient_vaults::{NotOpened, RecipientVaults};
use super::sealing::SealedKey;
use crate::marks::{MarkStore, StoreIdentity};
use crate::net::CallCounts;
use crate::tezos::{BlsPublicKey, BlsScheme, PublicKeyHash, SecretKey, Signature};
use crate::vault::blocking::on_blocking_thread;
use crate::vault::{FoundKeys, FoundSoFar, Key, SearchProgress, UnusableKey, Vault, VaultError};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use futures::future::join_all;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};

/// How long one search waits for vaults to unwrap. The next search tries again.
const OPEN_TIMEOUT: Duration = Duration::from_secs(6);

/// A vault, and sealed keys. Each sealed key is opened by a search, and stays open in memory until its file is changed or removed:
/// no signature waits for a vault.
pub struct WithSealedKeys {
    vault: Arc<dyn Vault>,
    folder: Folder,
    recipients: RecipientVaults,
    store: Arc<dyn MarkStore>,
    open: ArcSwap<HashMap<PublicKeyHash, OpenKey>>,
    /// What has been logged since the key was last opened: names and problems.
    logged: Mutex<HashSet<(String, String)>>,
}

#[derive(Clone)]
struct OpenKey {
    name: String,
    sealed: SealedKey,
    secret: Arc<SecretKey>,
}

impl WithSealedKeys {
    /// Serves the sealed keys of a folder in addition to those of `vault`, if their marks are in `store`.
    pub fn new(vault: Arc<dyn Vault>, folder: Folder, recipients: RecipientVaults, store: Arc<dyn MarkStore>) -> Self {
        Self { vault, folder, recipients, store, open: ArcSwap::default(), logged: Mutex::default() }
    }

    /// The secret of a sealed key; `None` for a key of the vault.
    fn secret(&self, key: &Key) -> Result<Option<Arc<SecretKey>>, VaultError> {
        if key.purpose.is_none() {
            return Ok(None);
        }
        match self.open.load().get(&key.hash) {
            Some(open) => Ok(Some(Arc::clone(&open.secret))),
            None => Err(VaultError::unable(format!("{} is no longer in the folder of sealed keys", key.hash))),
        }
    }

    /// Reads the folder, and opens what is not open. Also returns the addresses of all sealed keys, open or not.
    async fn open_all(&self) -> (FoundKeys, Vec<PublicKeyHash>) {
        let deadline = Instant::now() + OPEN_TIMEOUT;
        let folder = self.folder.clone();
        let files = match tokio::task::spawn_blocking(move || folder.list()).await {
            Ok(Ok(files)) => files,
            Ok(Err(error)) => return self.unread(error.to_string()),
            Err(error) => return self.unread(format!("internal error: {error}")),
        };
        if self.store.identity().is_none() {
            // Whether it can be identified shows below.
            drop(self.store.connected(deadline).await);
        }
        let store = self.store.identity();
        let before = self.open.load_full();
        let addresses: Vec<_> =
            files.iter().filter_map(|file| Some(file.key.as_ref().ok()?.public_key().hash())).collect();
        let is_alone = |address: &PublicKeyHash| addresses.iter().filter(|other| *other == address).count() == 1;
        let outcomes = files.into_iter().map(|file| self.look_at(file, store.as_ref(), &before, &is_alone, deadline));
        let mut found = FoundKeys::default();
        let mut open = HashMap::new();
        for outcome in join_all(outcomes).await {
            match outcome {
                Outcome::Open(key) => {
                    found.usable.push(key_of(&key.name, &key.sealed));
                    open.insert(key.sealed.public_key().hash(), *key);
                }
                Outcome::Unusable(key) => found.unusable.extend(key.map(|key| *key)),
                Outcome::Later(error, still_open) => {
                    found.unread = Some(error);
                    if let Some(key) = still_open {
                        found.usable.push(key_of(&key.name, &key.sealed));
                        open.insert(key.sealed.public_key().hash(), *key);
                    }
                }
            }
        }
        self.open.store(Arc::new(open));
        (found, addresses)
    }

    async fn look_at(
        &self,
        SealedFile { name, key }: SealedFile,
        store: Option<&StoreIdentity>,
        before: &HashMap<PublicKeyHash, OpenKey>,
        is_alone: &(dyn Fn(&PublicKeyHash) -> bool + Sync),
        deadline: Instant,
    ) -> Outcome {
        let sealed = match key {
            Ok(sealed) => sealed,
            Err(error) => {
                self.log(&name, None, &error.to_string(), &error.to_string());
                return Outcome::Unusable(None);
            }
        };
        let address = sealed.public_key().hash();
        let unusable = |reason: String| {
            self.log(&name, Some(address), &reason, &reason);
            Outcome::Unusable(Some(Box::new(UnusableKey { key: key_of(&name, &sealed), reason })))
        };
        if !is_alone(&address) {
            return unusable("it is sealed in two files, which may have different purposes: remove one".to_owned());
        }
        match store {
            None => return Outcome::Later(VaultError::unavailable("the mark store has not been identified yet"), None),
            Some(store) if store != sealed.purpose().store() => {
                return unusable("it is sealed for another mark store".to_owned());
            }
            Some(_) => {}
        }
        let before = before.get(&address).filter(|open| open.name == name && open.sealed.purpose() == sealed.purpose());
        if let Some(open) = before.filter(|open| open.sealed == sealed) {
            return Outcome::Open(Box::new(open.clone()));
        }
        match self.recipients.open(&sealed, deadline).await {
            Ok(secret) => {
                self.logged.lock().unwrap_or_else(PoisonError::into_inner).retain(|(logged, _)| *logged != name);
                info!(event = "sealed_key_opened", key = %address, name, role = %sealed.purpose().role(), "a sealed key is open");
                Outcome::Open(Box::new(OpenKey { name, sealed, secret: Arc::new(secret) }))
            }
            Err(NotOpened::Unusable(reason)) => unusable(reason),
            Err(NotOpened::Vault(error)) => {
                self.log(&name, Some(address), &error.to_string(), &error.log());
                // The file has other recipients, and the key is the same.
                Outcome::Later(error, before.cloned().map(Box::new))
            }
        }
    }

    fn unread(&self, reason: String) -> (FoundKeys, Vec<PublicKeyHash>) {
        // Open keys stay open.
        let usable: Vec<_> = self.open.load().values().map(|open| key_of(&open.name, &open.sealed)).collect();
        let addresses = usable.iter().map(|key| key.hash).collect();
        (FoundKeys { usable, unread: Some(VaultError::unavailable(reason)), ..FoundKeys::default() }, addresses)
    }

    /// Logs why a key does not sign, once for each `problem`: the full reason may have the time and the id of a request.
    fn log(&self, name: &str, key: Option<PublicKeyHash>, problem: &str, reason: &str) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.insert((name.to_owned(), problem.to_owned())) {
            let key = key.map(tracing::field::display);
            warn!(event = "sealed_key_unusable", key, name, reason, "a sealed key does not sign");
        }
    }
}

/// What a search has found out about a file.
enum Outcome {
    Open(Box<OpenKey>),
    /// Without a key if the file has none.
    Unusable(Option<Box<UnusableKey>>),
    /// A retry may succeed. With the key as it was opened from an earlier version of the file.
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
        let sealed = async {
            let (sealed, addresses) = self.open_all().await;
            // A slow search of the vault must not keep them back.
            so_far(FoundSoFar { usable: sealed.usable.clone(), progress: SearchProgress::default() });
            (sealed, addresses)
        };
        let (found, (sealed, addresses)) = tokio::join!(self.vault.search(so_far), sealed);
        let mut found = found?;
        // A copy in the vault has no purpose. It does not sign before the sealed key is open, either.
        found.usable.retain(|key| !addresses.contains(&key.hash));
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
