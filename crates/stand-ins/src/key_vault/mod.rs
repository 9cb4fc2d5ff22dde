//! Key Vault, or Managed HSM, as an identity sees it that may read keys and sign with them, and nothing else, unless it is
//! allowed to update them.

mod documents;
mod errors;
mod keys;
mod private_key;
mod routes;
mod vault;

pub use keys::{Curve, InvalidKey, KeyVersion, NewKey};
pub use private_key::BadSignature;
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

/// Which service it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum VaultKind {
    /// Key Vault.
    #[default]
    KeyVault,
    /// Managed HSM.
    ManagedHsm,
}

impl VaultKind {
    /// The host under which it is reached.
    pub fn host(self) -> &'static str {
        match self {
            Self::KeyVault => "standin.vault.localhost",
            Self::ManagedHsm => "standin.managedhsm.localhost",
        }
    }

    /// What its tokens are for.
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

    /// What goes into `KEY_VAULT_URL`.
    pub fn url(&self) -> String {
        format!("{}/", self.vault.url)
    }

    /// Adds a key, or a version to a key.
    ///
    /// # Panics
    /// If there can be no such key.
    #[allow(clippy::expect_used, reason = "a test that needs a key which cannot be has failed")]
    pub fn add_key(&self, key: NewKey) -> KeyVersion {
        self.try_add_key(key).expect("there can be such a key")
    }

    /// Adds a key, or a version to a key.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn try_add_key(&self, key: NewKey) -> Result<KeyVersion, InvalidKey> {
        let version = Version::new(key)?;
        let id = version.id.clone();
        self.vault.keys().add(version);
        Ok(id)
    }

    /// Allows or forbids the use of a version; false if there is no such version.
    pub fn set_enabled(&self, name: &str, version: &str, enabled: bool) -> bool {
        self.change(name, version, |key| key.enabled = enabled)
    }

    /// Lets a version end at this time, in seconds since 1970, or never; false if there is no such version.
    pub fn set_expires(&self, name: &str, version: &str, expires: Option<u64>) -> bool {
        self.change(name, version, |key| key.expires = expires)
    }

    /// Lets a version begin at this time, in seconds since 1970, or always; false if there is no such version.
    pub fn set_not_before(&self, name: &str, version: &str, not_before: Option<u64>) -> bool {
        self.change(name, version, |key| key.not_before = not_before)
    }

    /// Gives a version these tags and no others; false if there is no such version.
    pub fn set_tags(&self, name: &str, version: &str, tags: BTreeMap<String, String>) -> bool {
        self.change(name, version, |key| key.tags = tags)
    }

    /// The tags of a version; nothing if there is no such version.
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

    /// Whether lists are refused with 403, as for an identity that may only get keys and sign.
    pub fn deny_list(&self, deny: bool) {
        self.vault.settings.denies_lists.store(deny, Ordering::Relaxed);
    }

    /// Whether disabled keys may not be read, as emulators have it; the service lets them be read.
    pub fn hide_disabled(&self, hide: bool) {
        self.vault.settings.hides_disabled.store(hide, Ordering::Relaxed);
    }

    /// Whether keys may be updated, as by an operator; a signer's role does not include that.
    pub fn allow_update(&self, allow: bool) {
        self.vault.settings.allows_updates.store(allow, Ordering::Relaxed);
    }

    /// Whether all signatures have an s in the high half; as likely as not otherwise.
    pub fn high_s(&self, high: bool) {
        self.vault.settings.high_s.store(high, Ordering::Relaxed);
    }

    /// Allows to read the rotation policy of the keys, which lets them expire after `expiry` (`P90D`), and rotates them
    /// so long after they were made, if at all; or forbids it again.
    pub fn rotation_policy(&self, policy: Option<RotationPolicy<'_>>) {
        let policy = policy.map(RotationPolicy::to_json);
        *self.vault.settings.rotation_policy.lock().unwrap_or_else(PoisonError::into_inner) = policy;
    }
}

/// When keys end and are rotated; ISO 8601 durations, such as `P90D`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RotationPolicy<'a> {
    /// How long after they were made keys expire.
    pub expires_after: Option<&'a str>,
    /// How long after they were made keys are rotated.
    pub rotates_after: Option<&'a str>,
    /// How the action is spelt; `Rotate` if nothing is said.
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
