//! One search of the vault: lists keys and their versions, reads each version, and decides which can sign.
//!
//! A [`Pass`] determines the order of the calls and what may be published before the end. Earlier results are kept, so that a
//! version that was read once remains usable while the vault cannot be read.

use super::binding::{bound_to, tags_that_bind};
use super::calls::{MAX_PARALLEL_CALLS, MAX_PAUSE, NextPage, Page, identifier};
use super::eligibility::{Assessment, IneligibleKey, assess, check_attributes, check_selection};
use super::left_out::LeftOut;
use super::pass::{Call, Listed, Pass};
use super::{KeyIdentifier, KeyTag, KeyVault};
use crate::tezos::{PublicKey, PublicKeyHash};
use crate::vault::{FoundKeys, FoundSoFar, Key, UnusableKey, VaultError};
use azure_core::time::OffsetDateTime;
use azure_security_keyvault_keys::models::{Key as VaultKey, KeyProperties};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tokio::time::sleep_until;

/// What to search for, and the results of earlier searches.
pub(super) struct Discovery {
    listed: Vec<KeyIdentifier>,
    tag: Option<KeyTag>,
    /// A version's public key never changes, so a version that was read once is used when it cannot be read again. Its tag is
    /// kept too: otherwise it would look unbound.
    known: HashMap<KeyIdentifier, Known>,
    /// Versions that could not sign when they were read. They are read again once a list shows that they can.
    idle: HashMap<KeyIdentifier, Assessment>,
    left_out: LeftOut,
}

/// A version that can sign, as last read.
#[derive(Clone)]
struct Known {
    public_key: PublicKey,
    bound_to: BTreeSet<String>,
}

/// The results of one search so far.
#[derive(Default)]
struct Results {
    found: HashMap<KeyIdentifier, Known>,
    /// The part of `found` that is not published yet.
    unpublished: BTreeMap<KeyIdentifier, Known>,
    idle: HashMap<KeyIdentifier, Assessment>,
    unusable: BTreeMap<KeyIdentifier, UnusableKey>,
    /// All tags that bind a key, of all its names.
    bindings: HashMap<PublicKeyHash, BTreeSet<String>>,
    seen: HashSet<KeyIdentifier>,
    /// Why some versions may be missing.
    unread: Option<VaultError>,
    /// Why a version may not be read. Only a problem if none may be read.
    forbidden: Option<VaultError>,
}

impl Discovery {
    pub(super) fn new(listed: Vec<KeyIdentifier>, tag: Option<KeyTag>) -> Self {
        Self { listed, tag, known: HashMap::new(), idle: HashMap::new(), left_out: LeftOut::default() }
    }

    pub(super) fn any_known(&self) -> Option<KeyIdentifier> {
        self.known.keys().next().cloned()
    }

    /// Processes the answer of a call.
    ///
    /// # Errors
    /// If the list of keys cannot be read.
    fn take(
        &mut self,
        pass: &mut Pass,
        results: &mut Results,
        call: &Call,
        answer: Result<Answer, VaultError>,
    ) -> Result<(), VaultError> {
        if let Err(VaultError::Unavailable { retry_after: Some(pause), .. }) = &answer
            && *pause > MAX_PAUSE
            && pass.postpone(call, *pause)
        {
            return Ok(());
        }
        match (call, answer) {
            (Call::Keys(_), Ok(Answer::Page(Page { entries, next }))) => {
                pass.keys_listed(entries.iter().filter_map(identifier).map(|(name, _)| name), next);
            }
            (Call::Keys(_), Err(error)) => return Err(error),
            (Call::Versions(name, _), Ok(Answer::Page(Page { entries, next }))) => {
                for entry in &entries {
                    self.listed(pass, results, entry);
                }
                pass.versions_listed(name, next);
            }
            // Fall back to the known versions.
            (Call::Versions(name, _), Err(error)) => {
                let known: Vec<_> = self.known.iter().filter(|(key, _)| key.name == *name).collect();
                for (key, known) in known {
                    pass.add(key.clone(), Listed { bound_to: known.bound_to.clone(), idle: None });
                }
                pass.versions_listed(name, NextPage::None);
                results.unread = Some(error);
            }
            (Call::Version(key), Ok(Answer::Version(read))) => {
                let listed = pass.done(key);
                self.read(results, key, listed, Ok(*read));
            }
            (Call::Version(key), Err(error)) => {
                let listed = pass.done(key);
                self.read(results, key, listed, Err(error));
            }
            (_, Ok(_)) => {}
        }
        Ok(())
    }

    /// Processes an entry of a key's list of versions: decides whether to read the version.
    fn listed(&mut self, pass: &mut Pass, results: &mut Results, entry: &KeyProperties) {
        let Some((name, Some(version))) = identifier(entry) else { return };
        let key = KeyIdentifier { name, version };
        results.seen.insert(key.clone());
        if let Err(reason) = check_selection(entry.managed, entry.tags.as_ref(), self.tag.as_ref()) {
            return self.left_out.add(&key, &reason);
        }
        let bound_to = tags_that_bind(entry.tags.as_ref());
        let Err(reason) = check_attributes(entry.attributes.as_ref(), OffsetDateTime::now_utc()) else {
            return pass.add(key, Listed { bound_to, idle: None });
        };
        // A version's public key never changes.
        match (self.known.get(&key), self.idle.get(&key)) {
            (Some(Known { public_key, .. }), _) | (None, Some(Assessment::Idle(public_key, _))) => {
                let public_key = public_key.clone();
                self.set_aside(results, &key, public_key, bound_to, reason);
            }
            (None, Some(other)) => {
                let other = other.clone();
                self.assessed(results, &key, bound_to, other);
            }
            (None, None) => pass.add(key, Listed { bound_to, idle: Some(reason) }),
        }
    }

    /// Processes the result of reading a version.
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
        if let Some(reason) = listed.idle {
            return self.left_out.add(key, &reason);
        }
        match (error, self.known.get(key).cloned()) {
            (VaultError::Missing(reason), _) => self.left_out.add(key, &IneligibleKey::Unreadable(reason)),
            (_, Some(known)) => results.can_sign(key, known),
            // A single key that may not be read is left out. If none may be read, the identity or the network is at fault.
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
            Assessment::Idle(public_key, reason) => self.set_aside(results, key, public_key, bound_to, reason),
            Assessment::Other(reason) => {
                self.left_out.add(key, &reason);
                results.idle.insert(key.clone(), Assessment::Other(reason));
            }
        }
    }

    /// Records a Tezos key that cannot sign now.
    fn set_aside(
        &mut self,
        results: &mut Results,
        key: &KeyIdentifier,
        public_key: PublicKey,
        bound_to: BTreeSet<String>,
        reason: IneligibleKey,
    ) {
        self.left_out.add(key, &reason);
        results.bindings.entry(public_key.hash()).or_default().extend(bound_to.iter().cloned());
        let unusable = UnusableKey { key: as_key(key, &public_key, bound_to), reason: reason.to_string() };
        results.unusable.insert(key.clone(), unusable);
        results.idle.insert(key.clone(), Assessment::Idle(public_key, reason));
    }
}

impl Results {
    fn can_sign(&mut self, key: &KeyIdentifier, known: Known) {
        self.bindings.entry(known.public_key.hash()).or_default().extend(known.bound_to.iter().cloned());
        self.found.insert(key.clone(), known.clone());
        self.unpublished.insert(key.clone(), known);
    }

    /// The keys that may be published already, and the progress of the search.
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

enum Answer {
    Page(Page),
    Version(Box<VaultKey>),
}

impl KeyVault {
    /// Finds all versions of all keys that can sign, or of those in `SIGNING_KEYS`. An ineligible version is logged and left out,
    /// without affecting others. During the search, `so_far` is called with keys that may be used already.
    pub(super) async fn discover(&self, so_far: &(dyn Fn(FoundSoFar) + Send + Sync)) -> Result<FoundKeys, VaultError> {
        let mut discovery = self.discovery.lock().await;
        let mut results = Results::default();
        let mut pass = match &discovery.listed[..] {
            [] => Pass::of_everything(),
            named => Pass::of_named(named.iter().cloned()),
        };
        let mut calls = FuturesUnordered::new();
        loop {
            while calls.len() < MAX_PARALLEL_CALLS
                && let Some(call) = pass.next()
            {
                calls.push(self.call(call));
            }
            let pause = pass.pause();
            tokio::select! {
                Some((call, answer)) = calls.next() => {
                    discovery.take(&mut pass, &mut results, &call, answer)?;
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

    /// The versions in `SIGNING_KEYS`.
    pub(super) async fn listed(&self) -> Vec<KeyIdentifier> {
        self.discovery.lock().await.listed.clone()
    }

    async fn call(&self, call: Call) -> (Call, Result<Answer, VaultError>) {
        let answer = match &call {
            Call::Keys(page) => self.with_retries(|| self.list_keys(page.clone())).await.map(Answer::Page),
            Call::Versions(name, page) => {
                self.with_retries(|| self.list_versions(name, page.clone())).await.map(Answer::Page)
            }
            Call::Version(key) => {
                self.with_retries(|| self.read_key(key)).await.map(|read| Answer::Version(Box::new(read)))
            }
        };
        (call, answer)
    }
}
