use super::{Failure, NotSigned, Refusal};
use crate::tezos::PublicKeyHash;
use crate::vault::{FoundKeys, Key, Vault, VaultError};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore};
use tokio::time::Instant;
use tracing::{info, warn};

/// The keys of a vault, found by their hash, in memory.
///
/// An unknown key makes the vault be searched again: one search at a time, and none within the minimum interval after another,
/// so that guesses do not become load on the vault. A key is definitely unknown only after a search that began after the request
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

struct Shared {
    vault: Arc<dyn Vault>,
    keys: ArcSwap<HashMap<PublicKeyHash, Arc<Key>>>,
    min_interval: Duration,
    /// Held while a search is running.
    searching: Arc<AsyncMutex<()>>,
    progress: Mutex<Progress>,
}

/// What is known of the searches so far. They are numbered from 1, in the order in which they begin.
#[derive(Debug, Clone, Default)]
struct Progress {
    begun: u64,
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
    /// Refused, if the vault has no such key: a search that began after the request arrived did not find it. Failed, if there
    /// was no such search, or the vault did not list all its keys.
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
        let mut keys: Vec<_> = self.shared.keys.load().values().map(Arc::clone).collect();
        keys.sort_by(|left, right| {
            left.name.cmp(&right.name).then_with(|| left.public_key.as_bytes().cmp(right.public_key.as_bytes()))
        });
        keys
    }

    /// Waits for a search after that of number `begun`, or makes one.
    async fn search_for(&self, hash: &PublicKeyHash, begun: u64, until: Instant) -> Result<Arc<Key>, NotSigned> {
        loop {
            // While another search is running, this waits for its end.
            let running = Arc::clone(&self.shared.searching).lock_owned().await;
            if let Some(key) = self.held(hash) {
                return Ok(key);
            }
            let progress = self.shared.progress();
            let mut wait = self.shared.time_to_next_search(&progress);
            if let Some(last) = progress.last.as_ref().filter(|last| last.number > begun) {
                match &last.trouble {
                    None => return Err(Refusal::UnknownKey { key: *hash }.into()),
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
                let search = tokio::spawn(async move { shared.search(running).await });
                if let Err(error) = search.await {
                    return Err(Failure::task_failed(&error).into());
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

    /// Why a key is neither found nor known to be missing.
    fn not_found_yet(&self, hash: &PublicKeyHash) -> NotSigned {
        let progress = self.shared.progress();
        if let Some(error) = progress.last.as_ref().and_then(|last| last.trouble.clone()) {
            return error.into();
        }
        let is_searching = progress.last.as_ref().map_or(0, |last| last.number) < progress.begun;
        let next_search_in =
            if is_searching { self.shared.min_interval } else { self.shared.time_to_next_search(&progress) };
        Failure::KeySearchPending { key: *hash, next_search_in }.into()
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
        let number = {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.begun += 1;
            progress.begun
        };
        let answer = self.vault.keys().await;
        let has_listed = answer.is_ok();
        let trouble = match answer {
            Ok(found) => self.take_over(found),
            Err(error) => Some(error),
        };
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let known = progress.last.as_ref().and_then(|last| last.trouble.as_ref());
        if let Some(error) = trouble.as_ref().filter(|error| Some(*error) != known) {
            warn!(reason = %error, "the vault does not say which keys it has");
        }
        progress.has_listed |= has_listed;
        progress.last = Some(Search { number, ended: Instant::now(), trouble: trouble.clone() });
        trouble.map_or(Ok(()), Err)
    }

    /// Replaces the keys by those that were found. Returns why some could not be read, if so.
    fn take_over(&self, found: FoundKeys) -> Option<VaultError> {
        let before = self.keys.load();
        let keys = by_hash(found.usable);
        for key in keys.values().filter(|key| !before.contains_key(&key.hash)) {
            info!(
                key = %key.hash,
                public_key = %key.public_key,
                curve = %key.curve(),
                name = key.name,
                version = key.version,
                "this key can sign"
            );
        }
        for key in before.values().filter(|key| !keys.contains_key(&key.hash)) {
            warn!(key = %key.hash, name = key.name, version = key.version, "this key cannot sign any more");
        }
        for (key, was) in keys.values().filter_map(|key| Some((key, before.get(&key.hash)?))) {
            if key.bound_to != was.bound_to {
                let (now, before) = (&key.bound_to, &was.bound_to);
                info!(key = %key.hash, name = key.name, bound_to = ?now, ?before, "the key's binding has changed");
            }
        }
        self.keys.store(Arc::new(keys));
        found.unread
    }
}

/// Keys by their address. A vault may have one private key under several names: that is one key, bound to each store that
/// any of its names is bound to, so that neither name is a way past the other's tag. Of the names, the first is used.
fn by_hash(mut keys: Vec<Key>) -> HashMap<PublicKeyHash, Arc<Key>> {
    keys.sort_by(|left, right| (&left.name, &left.version).cmp(&(&right.name, &right.version)));
    let mut by_hash: HashMap<PublicKeyHash, Key> = HashMap::new();
    for key in keys {
        match by_hash.entry(key.hash) {
            Entry::Occupied(mut first) => first.get_mut().bound_to.extend(key.bound_to),
            Entry::Vacant(place) => drop(place.insert(key)),
        }
    }
    by_hash.into_iter().map(|(hash, key)| (hash, Arc::new(key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::{Curve, SecretKey};

    #[test]
    fn one_key_under_two_names_is_bound_to_what_either_is_bound_to() {
        let public_key = SecretKey::generate(Curve::P256).unwrap().public_key().clone();
        let named = |name: &str, tags: &[&str]| {
            let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            Key::new(name.to_owned(), public_key.clone()).with_bound_to(tags)
        };
        for (first, second, expected) in [
            (&[][..], &[][..], vec![]),
            (&["a/b/c"], &["a/b/c"], vec!["a/b/c"]),
            (&["a/b/c"], &["d/e/f"], vec!["a/b/c", "d/e/f"]),
            (&[], &["d/e/f"], vec!["d/e/f"]),
            (&["a/b/c"], &[], vec!["a/b/c"]),
        ] {
            let (first, second) = (named("one", first), named("two", second));
            for keys in [vec![first.clone(), second.clone()], vec![second, first]] {
                let ring = by_hash(keys);
                let [key] = ring.values().collect::<Vec<_>>()[..] else { panic!("{ring:?}") };
                let bound_to: Vec<_> = key.bound_to.iter().map(String::as_str).collect();
                assert_eq!((key.name.as_str(), bound_to), ("one", expected.clone()));
            }
        }
    }
}
