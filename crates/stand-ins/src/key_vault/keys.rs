//! The keys in the vault, and why one may not be used.

use super::new_key::{InvalidKey, NewKey};
use super::private_key::{PrivateKey, PublicKey};
use crate::random;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Identifies a key version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyVersion {
    /// Name of the key.
    pub name: String,
    /// Version, 32 hexadecimal digits.
    pub version: String,
}

/// A key version.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) id: KeyVersion,
    pub(super) private_key: PrivateKey,
    pub(super) public_key: PublicKey,
    pub(super) properties: NewKey,
    pub(super) created: u64,
}

impl Version {
    pub(super) fn new(mut properties: NewKey) -> Result<Self, InvalidKey> {
        let name = &properties.name;
        let is_valid = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !(1..=127).contains(&name.len()) || !name.chars().all(is_valid) {
            return Err(InvalidKey::Name);
        }
        let (private_key, mut public_key) = PrivateKey::of(&properties)?;
        if properties.off_curve {
            public_key.leave_curve();
        }
        properties.private_key = None;
        let id = KeyVersion { name: name.clone(), version: random::identifier() };
        Ok(Self { id, private_key, public_key, properties, created: now() })
    }

    /// Why the operation is not allowed at the moment, if it is not.
    pub(super) fn refusal(&self, operation: &str) -> Option<Refusal> {
        let now = now();
        if !self.properties.enabled {
            Some(Refusal::Disabled)
        } else if self.properties.not_before.is_some_and(|begin| now < begin) {
            Some(Refusal::NotYetValid)
        } else if self.properties.expires.is_some_and(|end| now >= end) {
            Some(Refusal::Expired)
        } else if !self.properties.key_ops.iter().any(|allowed| allowed == operation) {
            Some(Refusal::NotPermitted)
        } else {
            None
        }
    }
}

/// Why a key may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Disabled,
    NotYetValid,
    Expired,
    NotPermitted,
}

/// All keys by name, each with its versions, the latest last.
#[derive(Debug, Default)]
pub(super) struct Keys(BTreeMap<String, Vec<Version>>);

impl Keys {
    pub(super) fn add(&mut self, version: Version) {
        self.0.entry(version.id.name.clone()).or_default().push(version);
    }

    pub(super) fn delete(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// A version; the latest if `version` is empty.
    pub(super) fn get(&self, name: &str, version: &str) -> Option<&Version> {
        let versions = self.versions(name);
        if version.is_empty() { versions.last() } else { versions.iter().find(|there| there.id.version == version) }
    }

    pub(super) fn get_mut(&mut self, name: &str, version: &str) -> Option<&mut Version> {
        self.0.get_mut(name)?.iter_mut().find(|there| there.id.version == version)
    }

    pub(super) fn versions(&self, name: &str) -> &[Version] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The latest version of each key.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Version> {
        self.0.values().filter_map(|versions| versions.last())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
