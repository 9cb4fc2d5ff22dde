//! Unknown keys: when the vault is searched, which requests wait, and when a key certainly does not exist.

use crate::support::http;
use crate::support::payloads::payload;
use crate::support::process::Signer;
use async_trait::async_trait;
use azurehsm_signer::answer::{Cause, Verdict};
use azurehsm_signer::signer::{Failure, KeyRing, NotSigned, Refusal};
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{BlsPublicKey, BlsScheme, Curve, PublicKeyHash, SecretKey, Signature};
use azurehsm_signer::vault::{FoundKeys, FoundSoFar, Key, SearchProgress, UnusableKey, Vault, VaultError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

const INTERVAL: Duration = Duration::from_secs(3);

/// A vault that only lists keys. A search finds the keys that exist when it begins.
#[derive(Default)]
struct Listed {
    keys: Mutex<Vec<Key>>,
    /// The keys that a search finds at once, even if it takes long.
    early: Mutex<Vec<Key>>,
    unusable: Mutex<Vec<UnusableKey>>,
    takes: Mutex<Duration>,
    trouble: Mutex<Vec<VaultError>>,
    searches: AtomicUsize,
}

impl Listed {
    fn searches(&self) -> usize {
        self.searches.load(Ordering::Relaxed)
    }

    fn add(&self, key: &Key) {
        self.keys.lock().unwrap().push(key.clone());
    }

    fn takes(&self, time: Duration) {
        *self.takes.lock().unwrap() = time;
    }
}

#[async_trait]
impl Vault for Listed {
    async fn keys(&self) -> Result<FoundKeys, VaultError> {
        self.searches.fetch_add(1, Ordering::Relaxed);
        let usable = self.keys.lock().unwrap().clone();
        let unusable = self.unusable.lock().unwrap().clone();
        let takes = *self.takes.lock().unwrap();
        sleep(takes).await;
        match self.trouble.lock().unwrap().pop() {
            Some(error) => Err(error),
            None => Ok(FoundKeys { usable, unusable, unread: None }),
        }
    }

    async fn search(&self, so_far: &(dyn Fn(FoundSoFar) + Send + Sync)) -> Result<FoundKeys, VaultError> {
        let early = self.early.lock().unwrap().clone();
        if !early.is_empty() {
            so_far(FoundSoFar { usable: early, progress: SearchProgress { keys: 9, versions: 20, read: 1 } });
        }
        self.keys().await
    }

    async fn sign(&self, _: &Key, _: &[u8], _: BlsScheme) -> Result<Signature, VaultError> {
        Err(VaultError::unavailable("it only lists"))
    }

    async fn prove_possession(&self, _: &Key, _: Option<&BlsPublicKey>) -> Result<Signature, VaultError> {
        Err(VaultError::unavailable("it only lists"))
    }
}

struct Setup {
    vault: Arc<Listed>,
    ring: Arc<KeyRing>,
    new: Key,
}

type Found = Result<Arc<Key>, NotSigned>;

impl Setup {
    fn cold() -> Self {
        let vault = Arc::new(Listed::default());
        let ring = Arc::new(KeyRing::new(Arc::clone(&vault) as _, INTERVAL));
        let new = Key::new("new".to_owned(), SecretKey::generate(Curve::P256).unwrap().public_key().clone());
        Self { vault, ring, new }
    }

    /// A key ring whose last search was a second ago.
    async fn searched() -> Self {
        let setup = Self::cold();
        setup.ring.refresh().await.unwrap();
        sleep(Duration::from_secs(1)).await;
        setup
    }

    async fn find(&self, seconds: f64) -> Found {
        self.ring.find(&self.new.hash, Instant::now() + Duration::from_secs_f64(seconds)).await
    }

    /// The same, in a task that is already waiting.
    async fn begin_to_find(&self, seconds: f64) -> JoinHandle<Found> {
        let (ring, hash) = (Arc::clone(&self.ring), self.new.hash);
        let deadline = Instant::now() + Duration::from_secs_f64(seconds);
        let task = tokio::spawn(async move { ring.find(&hash, deadline).await });
        give_way().await;
        task
    }
}

/// Lets all other tasks run until they wait for time to pass.
async fn give_way() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// An address without a key.
fn invented(number: u16) -> PublicKeyHash {
    let mut bytes = [7; 20];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    oracle::crypto::Curve::Ed25519.hash().encode(&bytes).parse().unwrap()
}

fn is_unknown(found: &Found) -> bool {
    matches!(found, Err(NotSigned::Refused(Refusal::UnknownKey { .. })))
}

/// The time until the next search according to the answer, in tenths of a second.
fn pending(found: &Found) -> Option<u128> {
    match found {
        Err(NotSigned::Failed(Failure::KeySearchPending { next_search_in, .. })) => {
            Some((next_search_in.as_millis() + 50) / 100)
        }
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_not_refused_before_the_vault_has_been_searched() {
    let setup = Setup::searched().await;
    setup.vault.add(&setup.new);
    let found = setup.find(1.5).await;
    assert_eq!(pending(&found), Some(20), "{found:?}");
    let error = found.unwrap_err();
    assert_eq!((error.verdict(), error.cause()), (Verdict::Failed, Cause::KeySearch));
    assert!(error.to_string().ends_with("the next search can start in 2.0 s"), "{error}");
    assert_eq!(setup.vault.searches(), 1, "the minimum interval is respected");
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_the_next_search_if_its_deadline_permits() {
    let setup = Setup::searched().await;
    setup.vault.add(&setup.new);
    let start = Instant::now();
    assert_eq!(setup.find(4.0).await.unwrap().hash, setup.new.hash);
    assert!((2000..2050).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert_eq!(setup.vault.searches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_unknown_only_after_a_search_that_began_after_the_request() {
    let setup = Setup::searched().await;
    assert!(is_unknown(&setup.find(4.0).await));
    assert_eq!(setup.vault.searches(), 2);
    // Even if the search had another reason.
    let waiting = setup.begin_to_find(4.0).await;
    setup.ring.refresh().await.unwrap();
    sleep(INTERVAL).await;
    assert!(is_unknown(&waiting.await.unwrap()));
    assert_eq!(setup.vault.searches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_search_that_began_before_the_request_proves_nothing() {
    let setup = Setup::searched().await;
    sleep(INTERVAL).await;
    setup.vault.takes(Duration::from_millis(500));
    let first = setup.begin_to_find(10.0).await;
    assert_eq!(setup.vault.searches(), 2, "a search is running");
    setup.vault.add(&setup.new);
    let short = setup.begin_to_find(2.0).await;
    let long = setup.begin_to_find(10.0).await;
    assert!(is_unknown(&first.await.unwrap()), "the key was created after the search had begun");
    assert_eq!(pending(&short.await.unwrap()), Some(30));
    assert_eq!(long.await.unwrap().unwrap().hash, setup.new.hash);
    assert_eq!(setup.vault.searches(), 3);
}

#[tokio::test(start_paused = true)]
async fn at_most_32_requests_wait_and_one_search_answers_them_all() {
    let setup = Setup::searched().await;
    let mut waiting = Vec::new();
    for _ in 0..32 {
        waiting.push(setup.begin_to_find(4.0).await);
    }
    let start = Instant::now();
    assert_eq!(pending(&setup.find(4.0).await), Some(20));
    assert!(start.elapsed().is_zero(), "the 33rd does not wait");
    for task in waiting {
        assert!(is_unknown(&task.await.unwrap()));
    }
    assert_eq!(setup.vault.searches(), 2);
    assert!(is_unknown(&setup.find(4.0).await), "requests can wait again");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_invented_keys_does_not_delay_a_known_key() {
    let setup = Setup::searched().await;
    setup.vault.add(&setup.new);
    setup.ring.refresh().await.unwrap();
    setup.vault.takes(Duration::from_secs(2));
    let mut flood = JoinSet::new();
    for number in 0..1000_u16 {
        let ring = Arc::clone(&setup.ring);
        let hash = invented(number);
        flood.spawn(async move { ring.find(&hash, Instant::now() + Duration::from_secs(4)).await });
    }
    give_way().await;
    let start = Instant::now();
    setup.find(4.0).await.unwrap();
    assert!(start.elapsed().is_zero());
    let found = flood.join_all().await;
    assert_eq!(found.iter().filter(|found| pending(found).is_some()).count(), 1000, "none is refused too early");
    assert!(setup.vault.searches() <= 3, "{}", setup.vault.searches());
}

#[tokio::test(start_paused = true)]
async fn before_the_first_successful_search_requests_wait_and_transient_errors_fail_none() {
    let setup = Setup::cold();
    setup.vault.add(&setup.new);
    setup.vault.trouble.lock().unwrap().push(VaultError::unavailable("injected"));
    setup.vault.takes(Duration::from_millis(100));
    let mut waiting = Vec::new();
    for _ in 0..100 {
        waiting.push(setup.begin_to_find(4.0).await);
    }
    for task in waiting {
        assert_eq!(task.await.unwrap().unwrap().hash, setup.new.hash);
    }
    assert_eq!(setup.vault.searches(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_lasts_is_the_answer() {
    let setup = Setup::cold();
    setup.vault.trouble.lock().unwrap().extend(vec![VaultError::unavailable("injected"); 100]);
    let found = setup.find(4.0).await;
    assert!(matches!(&found, Err(NotSigned::Failed(Failure::Vault(VaultError::Unavailable { .. })))), "{found:?}");
    assert!(setup.vault.searches() > 2);

    let setup = Setup::cold();
    setup.vault.trouble.lock().unwrap().push(VaultError::unable("no role"));
    let start = Instant::now();
    let found = setup.find(4.0).await;
    assert!(matches!(&found, Err(NotSigned::Failed(Failure::Vault(VaultError::Unable(_))))), "{found:?}");
    assert!(start.elapsed().is_zero(), "a retry would not help");
}

#[tokio::test(start_paused = true)]
async fn a_search_outlives_the_request_that_started_it() {
    let setup = Setup::cold();
    setup.vault.add(&setup.new);
    setup.vault.takes(Duration::from_secs(6));
    assert!(pending(&setup.find(4.0).await).is_some());
    setup.find(4.0).await.unwrap();
    assert_eq!(setup.vault.searches(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_found_by_a_long_search_are_used_before_its_end_and_the_rest_is_pending() {
    let setup = Setup::cold();
    let early = Key::new("early".to_owned(), SecretKey::generate(Curve::P256).unwrap().public_key().clone());
    setup.vault.early.lock().unwrap().push(early.clone());
    setup.vault.add(&early);
    setup.vault.add(&setup.new);
    setup.vault.takes(Duration::from_mins(1));
    let start = Instant::now();
    let found = setup.ring.find(&early.hash, start + Duration::from_secs(4)).await;
    assert_eq!((found.unwrap().hash, start.elapsed()), (early.hash, Duration::ZERO));
    let error = setup.find(4.0).await.unwrap_err();
    assert_eq!((error.verdict(), error.cause()), (Verdict::Failed, Cause::KeySearch));
    let text = error.to_string();
    assert!(text.contains("has been searched for 4.0 s so far: 1 of 20 versions of 9 keys"), "{text}");
    assert!(text.contains("SIGNING_KEYS"), "{text}");
    assert_eq!(setup.find(60.0).await.unwrap().hash, setup.new.hash);
    assert_eq!(setup.vault.searches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_sign_is_refused_with_its_state_after_a_fresh_search() {
    let setup = Setup::searched().await;
    let unusable = UnusableKey { key: setup.new.clone(), reason: "it is disabled".to_owned() };
    setup.vault.unusable.lock().unwrap().push(unusable);
    let expected = format!("the key {} is in the vault and cannot sign: it is disabled", setup.new.hash);
    let refused = setup.find(4.0).await.unwrap_err();
    assert_eq!((refused.cause(), refused.to_string()), (Cause::UnusableKey, expected));
    // The key may have been enabled since.
    let pending = setup.find(1.0).await.unwrap_err();
    assert_eq!(pending.cause(), Cause::KeySearch);
    assert!(pending.to_string().contains("(it is disabled)"), "{pending}");
    setup.vault.unusable.lock().unwrap().clear();
    setup.vault.add(&setup.new);
    assert_eq!(setup.find(4.0).await.unwrap().hash, setup.new.hash);
}

#[test]
fn invented_keys_get_404_or_the_time_of_the_next_search() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[]);
    let key = signer.only_key();
    let address = signer.address;
    let requested: Vec<_> = (0..100)
        .map(|number| std::thread::spawn(move || http::get(address, &format!("/keys/{}", invented(number))).unwrap()))
        .collect();
    http::sign(address, &key, &payload(Kind::Attestation, 1, 0, 0)).unwrap().signature();
    let answers: Vec<_> = requested.into_iter().map(|thread| thread.join().unwrap()).collect();
    let (unknown, pending): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 404);
    assert!(!unknown.is_empty() && !pending.is_empty(), "{} and {}", unknown.len(), pending.len());
    for answer in pending {
        assert_eq!(answer.status, 500);
        assert!(answer.error().contains("the next search can start in 0."), "{answer:?}");
    }
}
