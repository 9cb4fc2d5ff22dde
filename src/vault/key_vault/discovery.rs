use super::binding::bound_to;
use super::usable::{Unusable, check_attributes, public_key};
use super::{KeyIdentifier, KeyTag, KeyVault};
use crate::tezos::PublicKey;
use crate::tries::{Again, GaveUp, persist};
use crate::vault::{FoundKeys, Key, VaultError};
use azure_core::Error;
use azure_core::time::OffsetDateTime;
use azure_security_keyvault_keys::ResourceExt;
use azure_security_keyvault_keys::models::{Key as VaultKey, KeyClientGetKeyOptions, KeyProperties};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tracing::info;

/// Questions at one time. A vault allows thousands in ten seconds; this is a matter of connections.
pub(super) const AT_A_TIME: usize = 8;

/// How often one question may fail in one search.
const MAX_FAILURES: u32 = 3;

/// How long one question is waited for.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(6);

/// A vault that wants a longer pause gets the question again with the next search.
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// What is looked for, and what was found before.
pub(super) struct Discovery {
    listed: Vec<KeyIdentifier>,
    tag: Option<KeyTag>,
    /// A version's public key never changes, so one that was read once serves when it cannot be read again; so does its tag,
    /// or it would look as if it were bound to no store.
    known: HashMap<KeyIdentifier, Known>,
    /// What the log has said already.
    told: HashSet<(KeyIdentifier, String)>,
}

/// What was last read of a version.
#[derive(Clone)]
struct Known {
    public_key: PublicKey,
    bound_to: BTreeSet<String>,
}

impl Discovery {
    pub(super) fn new(listed: Vec<KeyIdentifier>, tag: Option<KeyTag>) -> Self {
        Self { listed, tag, known: HashMap::new(), told: HashSet::new() }
    }

    pub(super) fn any_known(&self) -> Option<KeyIdentifier> {
        self.known.keys().next().cloned()
    }

    fn skip(&mut self, key: &KeyIdentifier, why: &Unusable) {
        let why = why.to_string();
        if self.told.insert((key.clone(), why.clone())) {
            info!(name = key.name, version = key.version, reason = why, "this key does not sign here");
        }
    }
}

/// A version that may be usable, as far as the list tells.
type Candidate = Result<KeyIdentifier, (KeyIdentifier, Unusable)>;

impl KeyVault {
    /// Finds all versions of all keys that can sign, or those that are named by `SIGNING_KEYS`. One that cannot be used is
    /// left out, with its reason in the log, and harms no other.
    pub(super) async fn discover(&self) -> Result<FoundKeys, VaultError> {
        let mut discovery = self.discovery.lock().await;
        let mut unread = None;
        let candidates: Vec<Candidate> = if discovery.listed.is_empty() {
            let (candidates, trouble) = self.candidates(&discovery).await?;
            unread = trouble;
            candidates
        } else {
            discovery.listed.iter().cloned().map(Ok).collect()
        };

        let mut to_read = Vec::new();
        for candidate in candidates {
            match candidate {
                Ok(key) => to_read.push(key),
                Err((key, why)) => discovery.skip(&key, &why),
            }
        }
        let answers: Vec<_> = stream::iter(to_read)
            .map(|key| async move {
                let answer = self.several_tries(|| self.read_key(&key)).await;
                (key, answer)
            })
            .buffer_unordered(AT_A_TIME)
            .collect()
            .await;

        let mut found = HashMap::new();
        let mut forbidden = None;
        for (key, answer) in answers {
            match answer {
                Ok(read) => match key_of(&read, discovery.tag.as_ref()) {
                    Ok(public_key) => {
                        let bound_to = bound_to(&read);
                        drop(found.insert(key, Known { public_key, bound_to }));
                    }
                    Err(why) => discovery.skip(&key, &why),
                },
                Err(VaultError::Missing(why)) => discovery.skip(&key, &Unusable::Unreadable(why.log().to_owned())),
                Err(error) => match (discovery.known.get(&key), error) {
                    (Some(known), _) => drop(found.insert(key, known.clone())),
                    // One key that may not be read is left out; if none may, it is the identity or the network.
                    (None, error @ (VaultError::Unable(_) | VaultError::Denied(_))) => {
                        discovery.skip(&key, &Unusable::Unreadable(error.reason().log().to_owned()));
                        forbidden = Some(error);
                    }
                    (None, error) => unread = Some(error),
                },
            }
        }
        let usable = found
            .iter()
            .map(|(id, Known { public_key, bound_to })| {
                let key = Key::new(id.name.clone(), public_key.clone()).with_version(id.version.clone());
                key.with_bound_to(bound_to.clone())
            })
            .collect();
        if found.is_empty() {
            unread = unread.or(forbidden);
        }
        discovery.known = found;
        Ok(FoundKeys { usable, unread })
    }

    /// All versions of all keys, and why the versions of some could not be listed now, if so. Those are looked for among
    /// the versions that are known already.
    async fn candidates(&self, discovery: &Discovery) -> Result<(Vec<Candidate>, Option<VaultError>), VaultError> {
        let names = self.several_tries(|| self.list_names()).await?;
        let lists: Vec<_> = stream::iter(names)
            .map(|name| async move {
                let versions = self.several_tries(|| self.list_versions(&name)).await;
                (name, versions)
            })
            .buffer_unordered(AT_A_TIME)
            .collect()
            .await;

        let (mut candidates, mut trouble) = (Vec::new(), None);
        for (name, versions) in lists {
            match versions {
                Ok(versions) => candidates.extend(versions.iter().filter_map(candidate)),
                Err(error) => {
                    candidates.extend(discovery.known.keys().filter(|key| key.name == name).cloned().map(Ok));
                    trouble = Some(error);
                }
            }
        }
        Ok((candidates, trouble))
    }

    /// `SIGNING_KEYS`.
    pub(super) async fn listed(&self) -> Vec<KeyIdentifier> {
        self.discovery.lock().await.listed.clone()
    }

    pub(super) async fn list_names(&self) -> Result<HashSet<String>, VaultError> {
        let keys = async { self.client.list_key_properties(None)?.try_collect::<Vec<_>>().await };
        let keys = keys.await.map_err(|error| self.explained(&error))?;
        Ok(keys.iter().filter_map(|key| key.resource_id().ok().map(|id| id.name)).collect())
    }

    pub(super) async fn list_versions(&self, name: &str) -> Result<Vec<KeyProperties>, VaultError> {
        let versions = async { self.client.list_key_properties_versions(name, None)?.try_collect().await };
        versions.await.map_err(|error| self.explained(&error))
    }

    pub(crate) async fn read_key(&self, key: &KeyIdentifier) -> Result<VaultKey, VaultError> {
        let options = KeyClientGetKeyOptions { key_version: Some(key.version.clone()), ..Default::default() };
        let read: Result<_, Error> = async { self.client.get_key(&key.name, Some(options)).await?.into_model() }.await;
        read.map_err(|error| self.explained(&error))
    }
}

fn candidate(properties: &KeyProperties) -> Option<Candidate> {
    let id = properties.resource_id().ok()?;
    let key = KeyIdentifier { name: id.name, version: id.version? };
    Some(match check_attributes(properties.attributes.as_ref(), OffsetDateTime::now_utc()) {
        Ok(()) => Ok(key),
        Err(why) => Err((key, why)),
    })
}

/// The Tezos public key of a version that can sign now.
///
/// # Errors
/// [`Unusable`].
pub fn key_of(read: &VaultKey, tag: Option<&KeyTag>) -> Result<PublicKey, Unusable> {
    check_attributes(read.attributes.as_ref(), OffsetDateTime::now_utc())?;
    if let Some(tag) = tag
        && !tag.is_among(read.tags.as_ref())
    {
        return Err(Unusable::WithoutTag(tag.to_string()));
    }
    public_key(read.key.as_ref().ok_or(Unusable::Incomplete("public key"))?)
}

impl KeyVault {
    /// Repeats a question while it may be answered the next time.
    pub(super) async fn several_tries<T, A>(&self, ask: impl Fn() -> A) -> Result<T, VaultError>
    where
        A: Future<Output = Result<T, VaultError>>,
    {
        let failures = AtomicU32::new(0);
        let again = |error: &VaultError| match error {
            VaultError::Unavailable { retry_after: Some(pause), .. } if *pause > MAX_PAUSE => Again::No,
            VaultError::Unavailable { .. } if failures.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_FAILURES => Again::No,
            VaultError::Unavailable { retry_after, .. } => Again::Yes(*retry_after),
            VaultError::Unable(_) | VaultError::Denied(_) | VaultError::Missing(_) => Again::No,
        };
        let deadline = Instant::now() + QUESTION_TIMEOUT;
        persist(deadline, self.hedge_after, ask, again).await.map_err(|gave_up| match gave_up {
            GaveUp::Final(error) | GaveUp::Deadline(Some(error)) => error,
            GaveUp::Deadline(None) => {
                VaultError::unavailable(format!("it did not answer within {} s", QUESTION_TIMEOUT.as_secs()))
            }
        })
    }
}
