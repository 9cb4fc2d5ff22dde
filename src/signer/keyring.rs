//! Finds keys by public key hash, and searches the vault again for unknown ones, within limits.

use super::held_keys::HeldKeys;
use super::{Failure, NotSigned, Refusal};
use crate::tezos::PublicKeyHash;
use crate::vault::{FoundSoFar, Key, SearchProgress, Vault, VaultError};
use arc_swap::ArcSwap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard, Semaphore};
use tokio::time::Instant;
use tracing::warn;

/// The keys of a vault, in memory, by public key hash.
///
/// A request for an unknown key triggers a search of the vault: one search at a time, and at least the minimum interval apart, so
/// that guessed hashes do not load the vault. A long search publishes keys as it finds them.
///
/// A key is definitely unknown only after a search that began after the request arrived: the key may have been created during an
/// earlier one. Until then, the verdict is *failed*.
pub struct KeyRing {
    shared: Arc<Shared>,
    waiting: Semaphore,
}

/// How many requests for unknown keys may wait for a search at once. Anyone can request made-up keys, and such requests must not
/// occupy the connections that known keys need.
const MAX_WAITING: usize = 32;

/// Between a failed search and the next one, for every kind of vault.
const MIN_INTERVAL_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// A request stops waiting for a search this long before its deadline, so that its answer can name the reason.
const TIME_TO_ANSWER: Duration = Duration::from_millis(10);

/// A search that takes longer is logged as a warning.
const LONG_SEARCH: Duration = Duration::from_secs(10);

struct Shared {
    vault: Arc<dyn Vault>,
    keys: ArcSwap<HeldKeys>,
    /// Signals that a running search has published keys.
    published: Notify,
    min_interval: Duration,
    /// Held while a search is running.
    searching: Arc<AsyncMutex<()>>,
    progress: Mutex<Progress>,
}

/// The state of the searches, which are numbered from 1 in the order of their start.
#[derive(Debug, Clone, Default)]
struct Progress {
    begun: u64,
    /// When the running search began, and its progress, if the vault reports any.
    running: Option<(Instant, Option<SearchProgress>)>,
    /// Whether a long search has been logged.
    warned_of_long_search: bool,
    last: Option<Search>,
    /// Whether any search has listed the vault's keys.
    has_listed: bool,
}

/// A search that has ended.
#[derive(Debug, Clone)]
struct Search {
    number: u64,
    ended: Instant,
    /// Why the vault did not list all its keys.
    error: Option<VaultError>,
}

impl KeyRing {
    /// An empty ring. It searches the vault on first use, and again for an unknown key once `min_interval` has passed since the
    /// last search.
    pub fn new(vault: Arc<dyn Vault>, min_interval: Duration) -> Self {
        let shared = Shared {
            vault,
            keys: ArcSwap::default(),
            published: Notify::new(),
            min_interval,
            searching: Arc::default(),
            progress: Mutex::default(),
        };
        Self { shared: Arc::new(shared), waiting: Semaphore::new(MAX_WAITING) }
    }

    /// The vault that holds the keys.
    pub fn vault(&self) -> &dyn Vault {
        self.shared.vault.as_ref()
    }

    /// Searches the vault for all its keys, regardless of the minimum interval. For each new key, logs everything that an operator
    /// needs to use it.
    ///
    /// # Errors
    /// [`VaultError`] if the vault does not list all its keys.
    pub async fn refresh(&self) -> Result<(), VaultError> {
        let running = Arc::clone(&self.shared.searching).lock_owned().await;
        self.shared.search(running).await
    }

    /// The key with this hash. A request for an unknown key waits for a search, if one can begin before the deadline. At most 32
    /// requests wait at once. The limit does not apply until a search has succeeded, since no request can be answered before that.
    ///
    /// # Errors
    /// Refused, if a search that began after the request arrived did not find the key, or found that it cannot sign. Failed, if
    /// there was no such search, or the vault did not list all its keys.
    pub async fn find(&self, hash: &PublicKeyHash, deadline: Instant) -> Result<Arc<Key>, NotSigned> {
        if let Some(key) = self.held(hash) {
            return Ok(key);
        }
        let before = self.shared.progress();
        let permit = self.waiting.try_acquire();
        if permit.is_err() && before.has_listed {
            return Err(self.not_found_yet(hash));
        }
        let until = deadline.checked_sub(TIME_TO_ANSWER).unwrap_or(deadline);
        match tokio::time::timeout_at(until, self.search_for(hash, before.begun, until)).await {
            Ok(found) => found,
            Err(_) => Err(self.not_found_yet(hash)),
        }
    }

    /// All keys that can sign, by name.
    pub fn list(&self) -> Vec<Arc<Key>> {
        self.shared.keys.load().list()
    }

    /// Whether this key is known and can sign.
    pub(super) fn has(&self, hash: &PublicKeyHash) -> bool {
        self.held(hash).is_some()
    }

    /// All keys that can sign, and how many others the vault has.
    pub(super) fn list_and_count_unusable(&self) -> (Vec<Arc<Key>>, usize) {
        let keys = self.shared.keys.load();
        (keys.list(), keys.count_unusable())
    }

    /// Begins a search in the background, if one may begin now. Called when the vault refuses to sign with a key held here: the
    /// key may have been disabled.
    pub fn look_again(&self) {
        let shared = Arc::clone(&self.shared);
        if shared.time_to_next_search(&shared.progress()).is_zero()
            && let Ok(running) = Arc::clone(&shared.searching).try_lock_owned()
        {
            tokio::spawn(async move { shared.search(running).await });
        }
    }

    /// While polled, keeps a connection to the vault open. If the vault denies access to a key, begins a search, as after a
    /// signing request.
    pub async fn keep_vault_warm(&self) -> Infallible {
        loop {
            self.shared.vault.keep_warm().await;
            self.look_again();
        }
    }

    /// Waits for a search with a number above `begun`, or runs one.
    async fn search_for(&self, hash: &PublicKeyHash, begun: u64, until: Instant) -> Result<Arc<Key>, NotSigned> {
        loop {
            let mut published = std::pin::pin!(self.shared.published.notified());
            published.as_mut().enable();
            if let Some(key) = self.held(hash) {
                return Ok(key);
            }
            // Another search may be running: wait for its end, or for keys that it publishes.
            let running = tokio::select! {
                running = Arc::clone(&self.shared.searching).lock_owned() => running,
                () = published => continue,
            };
            if let Some(key) = self.held(hash) {
                return Ok(key);
            }
            let progress = self.shared.progress();
            let mut wait = self.shared.time_to_next_search(&progress);
            if let Some(last) = progress.last.as_ref().filter(|last| last.number > begun) {
                match &last.error {
                    None => return Err(self.refusal(hash).into()),
                    // No search has succeeded yet, and this may be transient.
                    Some(VaultError::Unavailable { .. }) if !progress.has_listed => {
                        wait = MIN_INTERVAL_AFTER_FAILURE.saturating_sub(last.ended.elapsed());
                    }
                    Some(error) => return Err(error.clone().into()),
                }
            }
            if wait.is_zero() {
                // A separate task: the search continues for others after this request's deadline.
                let shared = Arc::clone(&self.shared);
                let mut search = tokio::spawn(async move { shared.search(running).await });
                loop {
                    let mut published = std::pin::pin!(self.shared.published.notified());
                    published.as_mut().enable();
                    if let Some(key) = self.held(hash) {
                        return Ok(key);
                    }
                    tokio::select! {
                        ended = &mut search => match ended {
                            Ok(_) => break,
                            Err(error) => return Err(Failure::task_failed(&error).into()),
                        },
                        () = published => {}
                    }
                }
                continue;
            }
            drop(running);
            if until.saturating_duration_since(Instant::now()) < wait {
                return Err(self.not_found_yet(hash));
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn held(&self, hash: &PublicKeyHash) -> Option<Arc<Key>> {
        self.shared.keys.load().get(hash).map(Arc::clone)
    }

    fn refusal(&self, hash: &PublicKeyHash) -> Refusal {
        match self.shared.keys.load().why_unusable(hash) {
            Some(reason) => Refusal::UnusableKey { key: *hash, reason: reason.to_owned() },
            None => Refusal::UnknownKey { key: *hash },
        }
    }

    /// The failure for a key that is neither found nor known to be missing.
    fn not_found_yet(&self, hash: &PublicKeyHash) -> NotSigned {
        let progress = self.shared.progress();
        if let Some(error) = progress.last.as_ref().and_then(|last| last.error.clone()) {
            return error.into();
        }
        let next_search_in = match progress.running {
            Some(_) => self.shared.min_interval,
            None => self.shared.time_to_next_search(&progress),
        };
        let running = progress.running.and_then(|(began, progress)| Some((began.elapsed(), progress?)));
        let why_unusable = self.shared.keys.load().why_unusable(hash).map(str::to_owned);
        Failure::KeySearchPending { key: *hash, why_unusable, running, next_search_in }.into()
    }
}

impl Shared {
    fn progress(&self) -> Progress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Zero if a search may begin now.
    fn time_to_next_search(&self, progress: &Progress) -> Duration {
        let Some(last) = &progress.last else { return Duration::ZERO };
        let interval = match last.error {
            Some(_) => self.min_interval.min(MIN_INTERVAL_AFTER_FAILURE),
            None => self.min_interval,
        };
        interval.saturating_sub(last.ended.elapsed())
    }

    async fn search(&self, _running: OwnedMutexGuard<()>) -> Result<(), VaultError> {
        let began = Instant::now();
        let number = {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.begun += 1;
            progress.running = Some((began, None));
            progress.begun
        };
        let ends = RunningSearch(&self.progress);
        let answer = self.vault.search(&|found| self.publish(found, began)).await;
        drop(ends);
        let has_listed = answer.is_ok();
        let error = match answer {
            Ok(found) => {
                let error = found.unread.clone();
                let held = self.keys.load();
                self.keys.store(Arc::new(held.replaced_by(found)));
                error
            }
            Err(error) => Some(error),
        };
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let known = progress.last.as_ref().and_then(|last| last.error.as_ref());
        if let Some(error) = &error
            && known.is_none_or(|known| !known.is_same_event(error))
        {
            warn!(event = "keys_unreadable", reason = error.log(), "cannot list the vault's keys");
        }
        progress.warned_of_long_search &= began.elapsed() >= LONG_SEARCH;
        progress.has_listed |= has_listed;
        progress.last = Some(Search { number, ended: Instant::now(), error: error.clone() });
        error.map_or(Ok(()), Err)
    }

    /// Adds the keys that a running search has found so far.
    fn publish(&self, found: FoundSoFar, began: Instant) {
        {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.running = Some((began, Some(found.progress)));
            if began.elapsed() >= LONG_SEARCH && !progress.warned_of_long_search {
                progress.warned_of_long_search = true;
                warn!(event = "key_search_slow", seconds = began.elapsed().as_secs(), progress = %found.progress, "searching the vault is taking long");
            }
        }
        if !found.usable.is_empty() {
            let held = self.keys.load();
            self.keys.store(Arc::new(held.joined_by(found.usable)));
            self.published.notify_waiters();
        }
    }
}

/// Exists while a search is running. Dropping it, also on cancellation, clears the progress.
struct RunningSearch<'a>(&'a Mutex<Progress>);

impl Drop for RunningSearch<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).running = None;
    }
}
