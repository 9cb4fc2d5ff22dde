//! The vaults of the recipients, which unwrap data keys.

use super::data_key::DataKey;
use super::recipient::RecipientId;
use super::sealing::SealedKey;
use crate::azure::{TlsRoots, Tokens};
use crate::failure_reason::FailureReason;
use crate::net::retry::{Again, GaveUp, LATE_AFTER, persist};
use crate::tezos::SecretKey;
use crate::vault::VaultError;
use crate::vault::key_vault::{ANSWER_TIMEOUT, KeyUnwrapper, VaultUrl};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::time::Instant;

/// Between two attempts at recipients that have all failed.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// Opens sealed keys with the recipients' vaults.
pub struct RecipientVaults {
    tokens: Arc<Tokens>,
    roots: TlsRoots,
    clients: Mutex<HashMap<String, Arc<KeyUnwrapper>>>,
}

/// Why a sealed key is not open.
#[derive(Debug, Clone, Error)]
pub enum NotOpened {
    /// No vault has unwrapped its data key yet. A retry may succeed, also after a 403: roles are granted later.
    #[error(transparent)]
    Vault(VaultError),
    /// The sealed key cannot be used.
    #[error("{0}")]
    Unusable(String),
}

impl RecipientVaults {
    /// Vaults that are called with this identity.
    pub fn new(tokens: Arc<Tokens>, roots: TlsRoots) -> Self {
        Self { tokens, roots, clients: Mutex::default() }
    }

    /// Has the data key unwrapped, opens the key, and tries it. The recipients' vaults are called in turn, the next one as soon as one
    /// has failed or is late; the first that succeeds wins.
    ///
    /// # Errors
    /// [`NotOpened`], by the deadline.
    pub async fn open(&self, sealed: &SealedKey, deadline: Instant) -> Result<SecretKey, NotOpened> {
        let in_vaults: Vec<_> = sealed
            .recipients()
            .iter()
            .filter_map(|recipient| match recipient.key().id() {
                RecipientId::Vault { vault, key } => Some((vault, key, recipient)),
                RecipientId::Offline(_) => None,
            })
            .collect();
        let next = AtomicUsize::new(0);
        // The last error of each vault: the first may lack a role, while the second is down.
        let errors = Mutex::new(BTreeMap::new());
        let attempt = || async {
            let index = next.fetch_add(1, Ordering::Relaxed) % in_vaults.len().max(1);
            let (vault, key, recipient) =
                in_vaults.get(index).ok_or_else(|| VaultError::unable("no recipient is in a vault"))?;
            let unwrapped = match self.client(vault) {
                Ok(client) => client.unwrap_key(key, recipient.wrapped_key()).await,
                Err(error) => Err(error),
            };
            if let Err(error) = &unwrapped {
                errors.lock().unwrap_or_else(PoisonError::into_inner).insert(vault.to_string(), error.clone());
            }
            unwrapped
        };
        let again = |error: &VaultError| {
            // The next call is to another vault, which may not have requested a pause.
            let is_last = next.load(Ordering::Relaxed).is_multiple_of(in_vaults.len().max(1));
            Again::Yes(if is_last { pause(error) } else { None })
        };
        let data_key = persist(deadline, LATE_AFTER, None, attempt, again).await.map_err(|gave_up| {
            let errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
            NotOpened::Vault(match gave_up {
                GaveUp::Deadline(None) => VaultError::unavailable("no vault has answered in time"),
                GaveUp::Final(error) | GaveUp::Deadline(Some(error)) if errors.len() < 2 => error,
                GaveUp::Final(_) | GaveUp::Deadline(Some(_)) => of_several(&errors),
            })
        })?;
        let data_key = DataKey::from_unwrapped(&data_key).map_err(|error| NotOpened::Unusable(error.to_string()))?;
        let sealed = sealed.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let secret = sealed.open(&data_key)?;
            sealed.try_signing(&secret)?;
            Ok::<_, super::OpenError>(secret)
        });
        match opened.await {
            Ok(opened) => opened.map_err(|error| NotOpened::Unusable(error.to_string())),
            Err(error) => Err(NotOpened::Vault(VaultError::unavailable(format!("internal error: {error}")))),
        }
    }

    fn client(&self, vault: &VaultUrl) -> Result<Arc<KeyUnwrapper>, VaultError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&vault.to_string()) {
            return Ok(Arc::clone(client));
        }
        let client = KeyUnwrapper::new(vault, Arc::clone(&self.tokens), self.roots.clone(), ANSWER_TIMEOUT)
            .map_err(|error| VaultError::unavailable(format!("no client for {vault}: {error}")))?;
        let client = Arc::new(client);
        clients.insert(vault.to_string(), Arc::clone(&client));
        Ok(client)
    }
}

fn of_several(errors: &BTreeMap<String, VaultError>) -> VaultError {
    let answers: Vec<_> = errors.values().map(ToString::to_string).collect();
    let logged: Vec<_> = errors.iter().map(|(vault, error)| format!("{vault}: {}", error.log())).collect();
    VaultError::unavailable(FailureReason::with_log(answers.join("; "), logged.join("; ")))
}

fn pause(error: &VaultError) -> Option<Duration> {
    match error {
        VaultError::Unavailable { retry_after, .. } => *retry_after,
        _ => Some(RETRY_INTERVAL),
    }
}
