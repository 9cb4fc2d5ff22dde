use super::held_keys::HeldKeys;
use super::{Failure, NotSigned, Refusal};
use crate::tezos::PublicKeyHash;
use crate::vault::{FoundSoFar, Key, SearchProgress, Vault, VaultError};
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard, Semaphore};
use tokio::time::Instant;
use tracing::warn;

/// The keys of a vault, found by their hash, in memory.
///
/// An unknown key makes the vault be searched again: one search at a time, and none within the minimum interval after another,
/// so that guesses do not become load on the vault. A search that takes long publishes what it finds on the way. A key is definitely unknown only after a search that began after the request
/// arrived: the key may have been created while an earlier one was running. Until there is such a search, the answer is *failed*.
pub struct KeyRing {
    shared: Arc<Shared>,
    waiting: Semaphore,
}

/// How many requests for unknown keys may wait for a search. Anyone can ask for made-up keys, and those must not fill the
/// connections that known keys need.
const MAX_WAITING: usize = 32;

/// After a search that failed, whatever the vault.
const MIN_INTERVAL_AFTER_TROUBLE: Duration = Duration::from_millis(500);

/// Left of a request's deadline when it stops waiting, so that the answer can say why.
const TIME_TO_ANSWER: Duration = Duration::from_millis(10);

/// A search that takes longer is worth a warning.
const LONG_SEARCH: Duration = Duration::from_secs(10);

struct Shared {
    vault: Arc<dyn Vault>,
    keys: ArcSwap<HeldKeys>,
    /// A search has published keys before its end.
    published: Notify,
    min_interval: Duration,
    /// Held while a search is running.
    searching: Arc<AsyncMutex<()>>,
    progress: Mutex<Progress>,
}

/// What is known of the searches so far. They are numbered from 1, in the order in which they begin.
#[derive(Debug, Clone, Default)]
struct Progress {
    begun: u64,
    /// When the search began that is running, and how far it has come, if the vault says so.
    running: Option<(Instant, Option<SearchProgress>)>,
    /// Whether the log says that a search takes long.
    warned_of_long_search: bool,
    last: Option<Search>,
    /// Whether any search has ever ended with a list of keys.
    has_listed: bool,
}

/// A search that has ended.
#[derive(Debug, Clone)]
struct Search {
    number: u64,
    ended: Instant,
    /// Why the vault did not list all its keys, if so.
    trouble: Option<VaultError>,
}

impl KeyRing {
    /// A ring that searches the vault for its keys when it is first needed, and again for an unknown key if `min_interval` has
    /// passed since the last search.
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

    /// The vault.
    pub fn vault(&self) -> &dyn Vault {
        self.shared.vault.as_ref()
    }

    /// Searches the vault for all its keys, whenever the last search was. Each new key is logged with all that an operator needs
    /// to use it.
    ///
    /// # Errors
    /// [`VaultError`] if the vault does not list its keys, or not all.
    pub async fn refresh(&self) -> Result<(), VaultError> {
        let running = Arc::clone(&self.shared.searching).lock_owned().await;
        self.shared.search(running).await
    }

    /// The key with this hash. An unknown key waits for a search, if one can begin before the deadline; of such requests at most
    /// 32 wait at a time, and any number while no search has ever succeeded, since nothing else can be done then either.
    ///
    /// # Errors
    /// Refused, if the vault has no such key, or has it and it cannot sign: a search that began after the request arrived did not
    /// find one that can. Failed, if there was no such search, or the vault did not list all its keys.
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

    /// All keys, in the order of their names.
    pub fn list(&self) -> Vec<Arc<Key>> {
        self.shared.keys.load().list()
    }

    /// Begins a search in the background, if one may begin now: the vault did not let a key sign that is held here, so it may
    /// have been disabled.
    pub fn look_again(&self) {
        let shared = Arc::clone(&self.shared);
        if shared.time_to_next_search(&shared.progress()).is_zero()
            && let Ok(running) = Arc::clone(&shared.searching).try_lock_owned()
        {
            tokio::spawn(async move { shared.search(running).await });
        }
    }

    /// Waits for a search after that of number `begun`, or makes one.
    async fn search_for(&self, hash: &PublicKeyHash, begun: u64, until: Instant) -> Result<Arc<Key>, NotSigned> {
        loop {
            let mut published = std::pin::pin!(self.shared.published.notified());
            published.as_mut().enable();
            if let Some(key) = self.held(hash) {
                return Ok(key);
            }
            // While another search is running, this waits for its end, or for what it finds before.
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
                match &last.trouble {
                    None => return Err(self.refusal(hash).into()),
                    // Nothing has worked yet, and this may pass.
                    Some(VaultError::Unavailable { .. }) if !progress.has_listed => {
                        wait = MIN_INTERVAL_AFTER_TROUBLE.saturating_sub(last.ended.elapsed());
                    }
                    Some(error) => return Err(error.clone().into()),
                }
            }
            if wait.is_zero() {
                // A task of its own: the search goes on for others when this request has reached its deadline.
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
            Some(why) => Refusal::UnusableKey { key: *hash, why: why.to_owned() },
            None => Refusal::UnknownKey { key: *hash },
        }
    }

    /// Why a key is neither found nor known to be missing.
    fn not_found_yet(&self, hash: &PublicKeyHash) -> NotSigned {
        let progress = self.shared.progress();
        if let Some(error) = progress.last.as_ref().and_then(|last| last.trouble.clone()) {
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

    /// Zero, if a search may begin now.
    fn time_to_next_search(&self, progress: &Progress) -> Duration {
        let Some(last) = &progress.last else { return Duration::ZERO };
        let interval = match last.trouble {
            Some(_) => self.min_interval.min(MIN_INTERVAL_AFTER_TROUBLE),
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
        let trouble = match answer {
            Ok(found) => {
                let trouble = found.unread.clone();
                let held = self.keys.load();
                self.keys.store(Arc::new(held.replaced_by(found)));
                trouble
            }
            Err(error) => Some(error),
        };
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let known = progress.last.as_ref().and_then(|last| last.trouble.as_ref());
        if let Some(error) = &trouble
            && known.is_none_or(|known| !known.is_same_event(error))
        {
            warn!(event = "keys_unreadable", reason = error.log(), "cannot list the vault's keys");
        }
        progress.warned_of_long_search &= began.elapsed() >= LONG_SEARCH;
        progress.has_listed |= has_listed;
        progress.last = Some(Search { number, ended: Instant::now(), trouble: trouble.clone() });
        trouble.map_or(Ok(()), Err)
    }

    /// What a search has found before its end.
    fn publish(&self, found: FoundSoFar, began: Instant) {
        {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.running = Some((began, Some(found.progress)));
            if began.elapsed() >= LONG_SEARCH && !progress.warned_of_long_search {
                progress.warned_of_long_search = true;
                warn!(event = "key_search_slow", seconds = began.elapsed().as_secs(), progress = %found.progress, "searching the vault takes long");
            }
        }
        if !found.usable.is_empty() {
            let held = self.keys.load();
            self.keys.store(Arc::new(held.joined_by(found.usable)));
            self.published.notify_waiters();
        }
    }
}

/// While a search is running. Dropped at its end, also if it is cancelled.
struct RunningSearch<'a>(&'a Mutex<Progress>);

impl Drop for RunningSearch<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).running = None;
    }
}
