//! Which keys there are: one search of the vault.

use super::binding::{bound_to, tags_that_bind};
use super::eligibility::{Assessment, IneligibleKey, assess, check_attributes, check_selection};
use super::left_out::LeftOut;
use super::pass::{Listed, Pass, Question};
use super::questions::{AT_A_TIME, MAX_PAUSE, NextPage, Page, identifier};
use super::{KeyIdentifier, KeyTag, KeyVault};
use crate::tezos::{PublicKey, PublicKeyHash};
use crate::vault::{FoundKeys, FoundSoFar, Key, UnusableKey, VaultError};
use azure_core::time::OffsetDateTime;
use azure_security_keyvault_keys::models::{Key as VaultKey, KeyProperties};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tokio::time::sleep_until;

/// What is looked for, and what was found before.
pub(super) struct Discovery {
    listed: Vec<KeyIdentifier>,
    tag: Option<KeyTag>,
    /// A version's public key never changes, so one that was read once serves when it cannot be read again; so does its tag,
    /// or it would look as if it were bound to no store.
    known: HashMap<KeyIdentifier, Known>,
    /// Versions that could not sign when they were read. They are read again when a list says that they can.
    idle: HashMap<KeyIdentifier, Assessment>,
    left_out: LeftOut,
}

/// What was last read of a version that can sign.
#[derive(Clone)]
struct Known {
    public_key: PublicKey,
    bound_to: BTreeSet<String>,
}

/// What one search has found so far.
#[derive(Default)]
struct Results {
    found: HashMap<KeyIdentifier, Known>,
    /// Those of `found` that are not published yet.
    unpublished: BTreeMap<KeyIdentifier, Known>,
    idle: HashMap<KeyIdentifier, Assessment>,
    unusable: BTreeMap<KeyIdentifier, UnusableKey>,
    /// All tags that bind a key, under whichever name.
    bindings: HashMap<PublicKeyHash, BTreeSet<String>>,
    seen: HashSet<KeyIdentifier>,
    /// Why some versions may be missing.
    unread: Option<VaultError>,
    /// Why one version may not be read, which is no trouble unless none may.
    forbidden: Option<VaultError>,
}

impl Discovery {
    pub(super) fn new(listed: Vec<KeyIdentifier>, tag: Option<KeyTag>) -> Self {
        Self { listed, tag, known: HashMap::new(), idle: HashMap::new(), left_out: LeftOut::default() }
    }

    pub(super) fn any_known(&self) -> Option<KeyIdentifier> {
        self.known.keys().next().cloned()
    }

    /// A question was answered.
    ///
    /// # Errors
    /// If the list of keys cannot be read.
    fn take(
        &mut self,
        pass: &mut Pass,
        results: &mut Results,
        question: &Question,
        answer: Result<Answer, VaultError>,
    ) -> Result<(), VaultError> {
        if let Err(VaultError::Unavailable { retry_after: Some(pause), .. }) = &answer
            && *pause > MAX_PAUSE
            && pass.postpone(question, *pause)
        {
            return Ok(());
        }
        match (question, answer) {
            (Question::Keys(_), Ok(Answer::Page(Page { entries, next }))) => {
                pass.keys_listed(entries.iter().filter_map(identifier).map(|(name, _)| name), next);
            }
            (Question::Keys(_), Err(error)) => return Err(error),
            (Question::Versions(name, _), Ok(Answer::Page(Page { entries, next }))) => {
                for entry in &entries {
                    self.listed(pass, results, entry);
                }
                pass.versions_listed(name, next);
            }
            // They are looked for among the versions that are known already.
            (Question::Versions(name, _), Err(error)) => {
                let known: Vec<_> = self.known.iter().filter(|(key, _)| key.name == *name).collect();
                for (key, known) in known {
                    pass.add(key.clone(), Listed { bound_to: known.bound_to.clone(), idle: None });
                }
                pass.versions_listed(name, NextPage::None);
                results.unread = Some(error);
            }
            (Question::Version(key), Ok(Answer::Version(read))) => {
                let listed = pass.done(key);
                self.read(results, key, listed, Ok(*read));
            }
            (Question::Version(key), Err(error)) => {
                let listed = pass.done(key);
                self.read(results, key, listed, Err(error));
            }
            (_, Ok(_)) => {}
        }
        Ok(())
    }

    /// An entry of a key's list of versions: whether the version is to be read.
    fn listed(&mut self, pass: &mut Pass, results: &mut Results, entry: &KeyProperties) {
        let Some((name, Some(version))) = identifier(entry) else { return };
        let key = KeyIdentifier { name, version };
        results.seen.insert(key.clone());
        if let Err(why) = check_selection(entry.managed, entry.tags.as_ref(), self.tag.as_ref()) {
            return self.left_out.add(&key, &why);
        }
        let bound_to = tags_that_bind(entry.tags.as_ref());
        let Err(why) = check_attributes(entry.attributes.as_ref(), OffsetDateTime::now_utc()) else {
            return pass.add(key, Listed { bound_to, idle: None });
        };
        // Its public key is as it was.
        match (self.known.get(&key), self.idle.get(&key)) {
            (Some(Known { public_key, .. }), _) | (None, Some(Assessment::Idle(public_key, _))) => {
                let public_key = public_key.clone();
                self.set_aside(results, &key, public_key, bound_to, why);
            }
            (None, Some(other)) => {
                let other = other.clone();
                self.assessed(results, &key, bound_to, other);
            }
            (None, None) => pass.add(key, Listed { bound_to, idle: Some(why) }),
        }
    }

    /// A version was read, or could not be.
    fn read(
        &mut self,
        results: &mut Results,
        key: &KeyIdentifier,
        listed: Listed,
        answer: Result<VaultKey, VaultError>,
    ) {
        results.seen.insert(key.clone());
        let error = match answer {
            Ok(read) => {
                let assessment = assess(&read, self.tag.as_ref(), OffsetDateTime::now_utc());
                return self.assessed(results, key, bound_to(&read), assessment);
            }
            Err(error) => error,
        };
        if let Some(why) = listed.idle {
            return self.left_out.add(key, &why);
        }
        match (error, self.known.get(key).cloned()) {
            (VaultError::Missing(why), _) => self.left_out.add(key, &IneligibleKey::Unreadable(why)),
            (_, Some(known)) => results.can_sign(key, known),
            // One key that may not be read is left out; if none may, it is the identity or the network.
            (error @ (VaultError::Unable(_) | VaultError::Untrusted(_) | VaultError::Denied(_)), None) => {
                self.left_out.add(key, &IneligibleKey::Unreadable(error.reason().clone()));
                results.forbidden = Some(error);
            }
            (error @ VaultError::Unavailable { .. }, None) => results.unread = Some(error),
        }
    }

    fn assessed(
        &mut self,
        results: &mut Results,
        key: &KeyIdentifier,
        bound_to: BTreeSet<String>,
        assessment: Assessment,
    ) {
        match assessment {
            Assessment::Usable(public_key) => {
                self.left_out.remove(key);
                results.can_sign(key, Known { public_key, bound_to });
            }
            Assessment::Idle(public_key, why) => self.set_aside(results, key, public_key, bound_to, why),
            Assessment::Other(why) => {
                self.left_out.add(key, &why);
                results.idle.insert(key.clone(), Assessment::Other(why));
            }
        }
    }

    /// A Tezos key that cannot sign now.
    fn set_aside(
        &mut self,
        results: &mut Results,
        key: &KeyIdentifier,
        public_key: PublicKey,
        bound_to: BTreeSet<String>,
        why: IneligibleKey,
    ) {
        self.left_out.add(key, &why);
        results.bindings.entry(public_key.hash()).or_default().extend(bound_to.iter().cloned());
        let unusable = UnusableKey { key: as_key(key, &public_key, bound_to), why: why.to_string() };
        results.unusable.insert(key.clone(), unusable);
        results.idle.insert(key.clone(), Assessment::Idle(public_key, why));
    }
}

impl Results {
    fn can_sign(&mut self, key: &KeyIdentifier, known: Known) {
        self.bindings.entry(known.public_key.hash()).or_default().extend(known.bound_to.iter().cloned());
        self.found.insert(key.clone(), known.clone());
        self.unpublished.insert(key.clone(), known);
    }

    /// What may be published already, and how far the search has come.
    fn so_far(&mut self, pass: &Pass) -> FoundSoFar {
        let publishable = pass.publishable(&mut self.unpublished);
        let usable = publishable.iter().map(|(id, known)| {
            let bound_to = self.bindings.get(&known.public_key.hash()).cloned().unwrap_or_default();
            as_key(id, &known.public_key, bound_to)
        });
        FoundSoFar { usable: usable.collect(), progress: pass.progress() }
    }
}

fn as_key(id: &KeyIdentifier, public_key: &PublicKey, bound_to: BTreeSet<String>) -> Key {
    Key::new(id.name.clone(), public_key.clone()).with_version(id.version.clone()).with_bound_to(bound_to)
}

/// What the vault answered.
enum Answer {
    Page(Page),
    Version(Box<VaultKey>),
}

impl KeyVault {
    /// Finds all versions of all keys that can sign, or those that are named by `SIGNING_KEYS`. One that cannot be used is
    /// left out, with its reason in the log, and harms no other. However long it takes, `so_far` learns what may be used
    /// already.
    pub(super) async fn discover(&self, so_far: &(dyn Fn(FoundSoFar) + Send + Sync)) -> Result<FoundKeys, VaultError> {
        let mut discovery = self.discovery.lock().await;
        let mut results = Results::default();
        let mut pass = match &discovery.listed[..] {
            [] => Pass::of_everything(),
            named => Pass::of_named(named.iter().cloned()),
        };
        let mut asked = FuturesUnordered::new();
        loop {
            while asked.len() < AT_A_TIME
                && let Some(question) = pass.next()
            {
                asked.push(self.answer(question));
            }
            let pause = pass.pause();
            tokio::select! {
                Some((question, answer)) = asked.next() => {
                    discovery.take(&mut pass, &mut results, &question, answer)?;
                    so_far(results.so_far(&pass));
                }
                () = sleep_until(pause.unwrap_or_else(tokio::time::Instant::now)), if pause.is_some() => {}
                else => break,
            }
        }
        let Results { found, idle, unusable, seen, mut unread, forbidden, .. } = results;
        if found.is_empty() {
            unread = unread.or(forbidden);
        }
        if unread.is_none() {
            discovery.left_out.retain(&seen);
        }
        let usable = found.iter().map(|(id, known)| as_key(id, &known.public_key, known.bound_to.clone())).collect();
        discovery.known = found;
        discovery.idle = idle;
        Ok(FoundKeys { usable, unusable: unusable.into_values().collect(), unread })
    }

    /// `SIGNING_KEYS`.
    pub(super) async fn listed(&self) -> Vec<KeyIdentifier> {
        self.discovery.lock().await.listed.clone()
    }

    async fn answer(&self, question: Question) -> (Question, Result<Answer, VaultError>) {
        let answer = match &question {
            Question::Keys(page) => self.several_tries(|| self.list_keys(page.clone())).await.map(Answer::Page),
            Question::Versions(name, page) => {
                self.several_tries(|| self.list_versions(name, page.clone())).await.map(Answer::Page)
            }
            Question::Version(key) => {
                self.several_tries(|| self.read_key(key)).await.map(|read| Answer::Version(Box::new(read)))
            }
        };
        (question, answer)
    }
}
