//! The keys in the vault.

use super::private_key::{PrivateKey, PublicKey};
use crate::random;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// A key to be added, or a version to be added to a key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "they have nothing to do with each other")]
pub struct NewKey {
    /// Its name. If there is such a key, this is a new version of it.
    pub name: String,
    /// Its curve.
    pub curve: Curve,
    /// Whether it is in the hardware: `EC-HSM` instead of `EC`. Always so in a Managed HSM.
    #[serde(default)]
    pub hsm: bool,
    /// Whether it may be used.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// When it ends, in seconds since 1970.
    #[serde(default)]
    pub expires: Option<u64>,
    /// When it begins, in seconds since 1970.
    #[serde(default)]
    pub not_before: Option<u64>,
    /// What it may be used for.
    #[serde(default = "sign_and_verify")]
    pub key_ops: Vec<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The private key; a random one if there is none. Only for P-256 and P-256K.
    #[serde(default, with = "hex_bytes")]
    pub private_key: Option<[u8; 32]>,
    /// Whether to take a key of which a coordinate begins with a zero byte, and to leave such bytes out.
    #[serde(default)]
    pub short_coordinates: bool,
    /// Whether all its signatures have an s in the high half.
    #[serde(default)]
    pub high_s: bool,
    /// Whether it is the key of a certificate.
    #[serde(default)]
    pub managed: bool,
    /// Whether its public key is a point beside the curve, with a y of the same parity.
    #[serde(default)]
    pub off_curve: bool,
}

/// The kinds of keys. The stand-in signs with P-256 and P-256K alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// NIST P-256, of tz3.
    #[serde(rename = "P-256")]
    P256,
    /// secp256k1, of tz2.
    #[serde(rename = "P-256K")]
    P256K,
    /// NIST P-384.
    #[serde(rename = "P-384")]
    P384,
    /// NIST P-521.
    #[serde(rename = "P-521")]
    P521,
    /// No curve at all: 2048 bits of RSA.
    #[serde(rename = "RSA")]
    Rsa,
}

/// Names a version of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyVersion {
    /// The name of the key.
    pub name: String,
    /// The version, 32 hexadecimal digits.
    pub version: String,
}

/// Why a key cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidKey {
    /// The name is not 1 to 127 letters, digits and dashes.
    Name,
    /// The private key is none of the curve's.
    PrivateKey,
    /// There are no short coordinates of a given private key, or of a curve with which the stand-in does not sign.
    ShortCoordinates,
}

impl NewKey {
    /// A key with a random private key that is enabled and may sign and verify.
    pub fn new(name: impl Into<String>, curve: Curve) -> Self {
        Self {
            name: name.into(),
            curve,
            hsm: false,
            enabled: true,
            expires: None,
            not_before: None,
            key_ops: sign_and_verify(),
            tags: BTreeMap::new(),
            private_key: None,
            short_coordinates: false,
            high_s: false,
            managed: false,
            off_curve: false,
        }
    }
}

impl Default for NewKey {
    fn default() -> Self {
        Self::new("key", Curve::P256)
    }
}

impl std::fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Name => "a key's name is 1 to 127 letters, digits and dashes",
            Self::PrivateKey => "the private key is not one of the curve, or the curve is neither P-256 nor P-256K",
            Self::ShortCoordinates => "short coordinates need P-256 or P-256K, and no given private key",
        })
    }
}

impl std::error::Error for InvalidKey {}

/// A version of a key.
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

    /// Why it may not do this now, if so.
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

    /// A version; the latest if it is empty.
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

    /// The latest version of each.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Version> {
        self.0.values().filter_map(|versions| versions.last())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn yes() -> bool {
    true
}

fn sign_and_verify() -> Vec<String> {
    vec!["sign".to_owned(), "verify".to_owned()]
}

/// 32 bytes in JSON, as 64 hexadecimal digits.
mod hex_bytes {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 32]>, D::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(String::deserialize(deserializer)?, &mut bytes)
            .map_err(|_| D::Error::custom("a private key is 64 hexadecimal digits"))?;
        Ok(Some(bytes))
    }
}
