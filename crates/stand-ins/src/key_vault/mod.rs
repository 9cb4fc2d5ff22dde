//! Key Vault or Managed HSM, for an identity that may read keys and sign with them, and may update them if a test allows it.

mod documents;
mod errors;
mod keys;
mod new_key;
mod private_key;
mod releasing;
mod routes;
mod vault;

pub use keys::KeyVersion;
pub use new_key::{Curve, InvalidKey, NewKey};
pub(crate) use releasing::Attested;
pub(crate) use vault::Vault;

use crate::double::{Controls, controllable};
use crate::tokens::Tokens;
use clap::ValueEnum;
use keys::{Keys, Version};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use vault::Settings;

/// Key Vault or Managed HSM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum VaultKind {
    /// Key Vault.
    #[default]
    KeyVault,
    /// Managed HSM.
    ManagedHsm,
}

impl VaultKind {
    /// Host name of the stand-in.
    pub fn host(self) -> &'static str {
        match self {
            Self::KeyVault => "standin.vault.localhost",
            Self::ManagedHsm => "standin.managedhsm.localhost",
        }
    }

    /// Audience of its tokens.
    pub fn audience(self) -> &'static str {
        match self {
            Self::KeyVault => "https://vault.localhost",
            Self::ManagedHsm => "https://managedhsm.localhost",
        }
    }
}

/// The double of Key Vault or Managed HSM.
#[derive(Debug, Clone)]
pub struct KeyVault {
    pub(crate) controls: Arc<Controls>,
    vault: Arc<Vault>,
}

controllable!(KeyVault);

impl KeyVault {
    pub(crate) fn new(
        controls: Arc<Controls>,
        tokens: Arc<Tokens>,
        kind: VaultKind,
        page_size: usize,
    ) -> (Self, Arc<Vault>) {
        let vault = Arc::new(Vault {
            url: format!("https://{}:{}", kind.host(), controls.port.address().port()),
            kind,
            page_size: page_size.max(1),
            tokens,
            keys: Mutex::new(Keys::default()),
            settings: Settings::default(),
        });
        (Self { controls, vault: Arc::clone(&vault) }, vault)
    }

    /// The value for `KEY_VAULT_URL`.
    pub fn url(&self) -> String {
        format!("{}/", self.vault.url)
    }

    /// Adds a key, or a version to a key.
    ///
    /// # Panics
    /// If the key is invalid: see [`InvalidKey`].
    #[allow(clippy::expect_used, reason = "a test cannot go on without its key")]
    pub fn add_key(&self, key: NewKey) -> KeyVersion {
        self.try_add_key(key).expect("the key should be valid")
    }

    /// Adds a key, or a version to a key.
    ///
    /// # Errors
    /// If the key is invalid: see [`InvalidKey`].
    pub fn try_add_key(&self, key: NewKey) -> Result<KeyVersion, InvalidKey> {
        let version = Version::new(key)?;
        let id = version.id.clone();
        self.vault.keys().add(version);
        Ok(id)
    }

    /// Copies a key with all its versions from another vault, as a backup that is restored; false if it does not exist there.
    /// Each vault has its own attributes and tags from then on.
    pub fn restore_key(&self, from: &Self, name: &str) -> bool {
        let versions = from.vault.keys().versions(name).to_vec();
        let exists = !versions.is_empty();
        let mut keys = self.vault.keys();
        for version in versions {
            keys.add(version);
        }
        exists
    }

    /// Enables or disables a version; false if it does not exist.
    pub fn set_enabled(&self, name: &str, version: &str, enabled: bool) -> bool {
        self.change(name, version, |key| key.enabled = enabled)
    }

    /// Sets the expiry of a version, in seconds since 1970; false if it does not exist.
    pub fn set_expires(&self, name: &str, version: &str, expires: Option<u64>) -> bool {
        self.change(name, version, |key| key.expires = expires)
    }

    /// Sets the start of validity of a version, in seconds since 1970; false if it does not exist.
    pub fn set_not_before(&self, name: &str, version: &str, not_before: Option<u64>) -> bool {
        self.change(name, version, |key| key.not_before = not_before)
    }

    /// Replaces the tags of a version; false if it does not exist.
    pub fn set_tags(&self, name: &str, version: &str, tags: BTreeMap<String, String>) -> bool {
        self.change(name, version, |key| key.tags = tags)
    }

    /// The tags of a version; `None` if it does not exist.
    pub fn tags(&self, name: &str, version: &str) -> Option<BTreeMap<String, String>> {
        self.vault.keys().get(name, version).map(|version| version.properties.tags.clone())
    }

    fn change(&self, name: &str, version: &str, change: impl FnOnce(&mut NewKey)) -> bool {
        let mut keys = self.vault.keys();
        let version = keys.get_mut(name, version);
        version.map(|version| change(&mut version.properties)).is_some()
    }

    /// Deletes a key with all its versions.
    pub fn delete_key(&self, name: &str) {
        self.vault.keys().delete(name);
    }

    /// Sets whether lists are rejected with 403, as for an identity that may only get keys and sign.
    pub fn deny_list(&self, deny: bool) {
        self.vault.settings.denies_lists.store(deny, Ordering::Relaxed);
    }

    /// Sets whether reading a disabled key fails, as in emulators; the service allows it.
    pub fn hide_disabled(&self, hide: bool) {
        self.vault.settings.hides_disabled.store(hide, Ordering::Relaxed);
    }

    /// Sets whether keys may be updated, as by an operator; a signer's role does not include that.
    pub fn allow_update(&self, allow: bool) {
        self.vault.settings.allows_updates.store(allow, Ordering::Relaxed);
    }

    /// Sets whether keys may be unwrapped, as by a signer with sealed keys; the role of others does not include that.
    pub fn allow_unwrap(&self, allow: bool) {
        self.vault.settings.allows_unwrapping.store(allow, Ordering::Relaxed);
    }

    /// Sets whether keys may be released, as by the identity of a confidential container.
    pub fn allow_release(&self, allow: bool) {
        self.vault.settings.allows_releasing.store(allow, Ordering::Relaxed);
    }

    /// Sets whether a version may be released; false if it does not exist.
    pub fn set_exportable(&self, name: &str, version: &str, exportable: bool) -> bool {
        self.change(name, version, |key| key.exportable = exportable)
    }

    pub(crate) fn vault(&self) -> Arc<Vault> {
        Arc::clone(&self.vault)
    }

    /// Sets whether every request is rejected with a challenge for another audience each time, as by a host that is not a vault.
    pub fn demand_other_audiences(&self, demand: bool) {
        self.vault.settings.demands_other_audiences.store(demand, Ordering::Relaxed);
    }

    /// Sets whether all signatures have a high s; by default it is high or low at random.
    pub fn high_s(&self, high: bool) {
        self.vault.settings.high_s.store(high, Ordering::Relaxed);
    }

    /// Sets the rotation policy of all keys, and allows reading it; `None` forbids that.
    pub fn rotation_policy(&self, policy: Option<RotationPolicy<'_>>) {
        let policy = policy.map(RotationPolicy::to_json);
        *self.vault.settings.rotation_policy.lock().unwrap_or_else(PoisonError::into_inner) = policy;
    }
}

/// When keys expire and are rotated, as ISO 8601 durations such as `P90D`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RotationPolicy<'a> {
    /// Time from creation to expiry.
    pub expires_after: Option<&'a str>,
    /// Time from creation to rotation.
    pub rotates_after: Option<&'a str>,
    /// Spelling of the action; `Rotate` by default.
    pub spelling: Option<&'a str>,
}

impl RotationPolicy<'_> {
    fn to_json(self) -> Value {
        let notify = json!({ "trigger": { "timeBeforeExpiry": "P30D" }, "action": { "type": "Notify" } });
        let rotate = self
            .rotates_after
            .map(|after| (after, self.spelling.unwrap_or("Rotate")))
            .map(|(after, rotate)| json!({ "trigger": { "timeAfterCreate": after }, "action": { "type": rotate } }));
        let actions: Vec<_> = rotate.into_iter().chain([notify]).collect();
        json!({ "lifetimeActions": actions, "attributes": { "expiryTime": self.expires_after } })
    }
}
