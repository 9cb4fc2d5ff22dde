//! The vaults of the recipients, which unwrap data keys, or release the keys that do.

use super::data_key::DataKey;
use super::recipient::{Recipient, RecipientId};
use super::sealing::SealedKey;
use super::secure_key_release::{KeyReleaseSettings, unwrap_key};
use super::turns::Turns;
use crate::azure::{TlsRoots, Tokens};
use crate::failure_reason::FailureReason;
use crate::net::retry::{Again, GaveUp, LATE_AFTER, persist_among};
use crate::tezos::SecretKey;
use crate::vault::VaultError;
use crate::vault::key_vault::{ANSWER_TIMEOUT, KeyIdentifier, KeyUnwrapper, VaultUrl};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use thiserror::Error;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Between two calls to a recipient that has refused the first.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// How much longer a call may take that has a key released: an attestation, a token and the release are three calls of the sidecar, one
/// after the other.
const RELEASE_EXTENSION: Duration = Duration::from_secs(9);

/// How a recipient unwraps.
enum Way<'a> {
    /// In its vault.
    Vault(&'a VaultUrl, &'a KeyIdentifier),
    /// Here, with the key that its vault releases.
    Release(&'a KeyReleaseSettings, &'a VaultUrl, &'a KeyIdentifier),
}

/// Opens sealed keys with the recipients' vaults.
pub struct RecipientVaults {
    tokens: Arc<Tokens>,
    roots: TlsRoots,
    /// `None` outside a confidential container.
    key_release: Option<KeyReleaseSettings>,
    /// The clients in use. A client is dropped when no key is being opened with its vault.
    clients: Mutex<HashMap<String, Weak<KeyUnwrapper>>>,
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
    /// Vaults that are called with this identity. With `key_release`, keys are also released to this container.
    pub fn new(tokens: Arc<Tokens>, roots: TlsRoots, key_release: Option<KeyReleaseSettings>) -> Self {
        Self { tokens, roots, key_release, clients: Mutex::default() }
    }

    /// Has the data key unwrapped, opens the key, and tries it. The recipients' vaults are called in turn, the next one as soon as one
    /// has failed or is late; the first that succeeds wins. Each is called before the deadline, also if all others hang.
    ///
    /// # Errors
    /// [`NotOpened`], by the deadline; or up to 9 s later, if a key is being released then.
    pub async fn open(&self, sealed: &SealedKey, deadline: Instant) -> Result<SecretKey, NotOpened> {
        let callable: Vec<_> = sealed.recipients().iter().filter_map(|recipient| self.way_to(recipient)).collect();
        if callable.is_empty() {
            let reason = "only confidential containers can open it, and SECURE_KEY_RELEASE_URL is not set";
            return Err(NotOpened::Unusable(reason.to_owned()));
        }
        let turns = Turns::new(callable.len());
        // The last error of each recipient: the vault of the first may lack a role, while the second is down.
        let errors = Mutex::new(BTreeMap::new());
        // Keeps the clients for the next turn.
        let clients = Mutex::new(Vec::new());
        let attempt = || async {
            let none = || VaultError::unable("no recipient can be called");
            let turn = turns.next().ok_or_else(none)?;
            let (recipient, way) = callable.get(turn.recipient).ok_or_else(none)?;
            let unwrapped = self.unwrap(way, recipient, &clients).await;
            if let Err(error) = &unwrapped {
                turn.failed(pause(error));
                errors
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(recipient.key().id().to_string(), error.clone());
            }
            unwrapped
        };
        let again = |_: &VaultError| {
            if Instant::now() < deadline || turns.is_any_in_flight() {
                // The next call may be to another vault, which has not requested a pause.
                Again::Yes(turns.pause())
            } else {
                Again::No
            }
        };
        let is_released = callable.iter().any(|(_, way)| matches!(way, Way::Release(..)));
        let last = if is_released { deadline + RELEASE_EXTENSION } else { deadline };
        let late_after = late_after(callable.len(), deadline);
        let calls = persist_among(callable.len(), last, late_after, None, attempt, again);
        let data_key = calls.await.map_err(|gave_up| {
            let errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
            NotOpened::Vault(match gave_up {
                GaveUp::Deadline(None) => VaultError::unavailable("no vault has answered in time"),
                GaveUp::Final(error) | GaveUp::Deadline(Some(error)) if errors.len() < 2 => error,
                GaveUp::Final(_) | GaveUp::Deadline(Some(_)) => of_several(&errors),
            })
        })?;
        open_and_try(sealed, &data_key).await
    }

    /// Opens a key with one recipient, by one call, and tries it. `None` if this process cannot call that recipient.
    ///
    /// # Errors
    /// [`NotOpened`]. There is no deadline.
    pub async fn open_with(&self, sealed: &SealedKey, recipient: &Recipient) -> Option<Result<SecretKey, NotOpened>> {
        let (_, way) = self.way_to(recipient)?;
        Some(match self.unwrap(&way, recipient, &Mutex::default()).await {
            Ok(data_key) => open_and_try(sealed, &data_key).await,
            Err(error) => Err(NotOpened::Vault(error)),
        })
    }

    /// Has the data key unwrapped by one recipient. The client is added to `clients`.
    async fn unwrap(
        &self,
        way: &Way<'_>,
        recipient: &Recipient,
        clients: &Mutex<Vec<Arc<KeyUnwrapper>>>,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        match way {
            Way::Vault(vault, key) => {
                let client = self.client(vault)?;
                clients.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&client));
                client.unwrap_key(key, recipient.wrapped_key()).await
            }
            Way::Release(settings, vault, key) => unwrap_key(settings, vault, key, recipient).await,
        }
    }

    /// How to have the data key unwrapped by this recipient; `None` if this process cannot.
    fn way_to<'a>(&'a self, recipient: &'a Recipient) -> Option<(&'a Recipient, Way<'a>)> {
        let way = match recipient.key().id() {
            RecipientId::Vault { vault, key } => Way::Vault(vault, key),
            RecipientId::Release { vault, key } => Way::Release(self.key_release.as_ref()?, vault, key),
            RecipientId::Offline(_) => return None,
        };
        Some((recipient, way))
    }

    fn client(&self, vault: &VaultUrl) -> Result<Arc<KeyUnwrapper>, VaultError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&vault.to_string()).and_then(Weak::upgrade) {
            return Ok(client);
        }
        let client = KeyUnwrapper::new(vault, Arc::clone(&self.tokens), self.roots.clone(), ANSWER_TIMEOUT)
            .map_err(|error| VaultError::unavailable(format!("no client for {vault}: {error}")))?;
        let client = Arc::new(client);
        clients.retain(|_, client| client.strong_count() > 0);
        clients.insert(vault.to_string(), Arc::downgrade(&client));
        Ok(client)
    }
}

async fn open_and_try(sealed: &SealedKey, data_key: &[u8]) -> Result<SecretKey, NotOpened> {
    let data_key = DataKey::from_unwrapped(data_key).map_err(|error| NotOpened::Unusable(error.to_string()))?;
    let sealed = sealed.clone();
    match tokio::task::spawn_blocking(move || sealed.open_and_try(&data_key)).await {
        Ok(opened) => opened.map_err(|error| NotOpened::Unusable(error.to_string())),
        Err(error) => Err(NotOpened::Vault(VaultError::unavailable(format!("internal error: {error}")))),
    }
}

/// When a call counts as late, so that the next recipient is called: early enough that the last one has a quarter of the time to answer.
fn late_after(recipients: usize, deadline: Instant) -> Duration {
    let turns = deadline.saturating_duration_since(Instant::now()) * 3 / 4;
    LATE_AFTER.min(turns / u32::try_from(recipients.max(1)).unwrap_or(u32::MAX))
}

fn of_several(errors: &BTreeMap<String, VaultError>) -> VaultError {
    let answers: Vec<_> = errors.values().map(|error| error.reason().to_string()).collect();
    let logged: Vec<_> =
        errors.iter().map(|(recipient, error)| format!("{recipient}: {}", error.reason().log())).collect();
    VaultError::unavailable(FailureReason::with_log(answers.join("; "), logged.join("; ")))
}

fn pause(error: &VaultError) -> Option<Duration> {
    match error {
        VaultError::Unavailable { retry_after, .. } => *retry_after,
        _ => Some(RETRY_INTERVAL),
    }
}
