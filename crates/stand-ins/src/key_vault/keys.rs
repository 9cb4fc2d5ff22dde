//! The keys in the vault, and why one may not be used.

use super::private_key::{PrivateKey, PublicKey};
use crate::random;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// A new key, or a new version of an existing one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent")]
pub struct NewKey {
    /// Name. If the key exists, this becomes its latest version.
    pub name: String,
    /// Curve.
    pub curve: Curve,
    /// Whether it is stored in hardware: `EC-HSM` instead of `EC`. Always so in a Managed HSM.
    #[serde(default)]
    pub hsm: bool,
    /// Whether it is enabled.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Expiry, in seconds since 1970.
    #[serde(default)]
    pub expires: Option<u64>,
    /// Start of validity, in seconds since 1970.
    #[serde(default)]
    pub not_before: Option<u64>,
    /// Permitted operations.
    #[serde(default = "sign_and_verify")]
    pub key_ops: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The private key; random if `None`. For P-256 and P-256K only.
    #[serde(default, with = "hex_bytes")]
    pub private_key: Option<[u8; 32]>,
    /// Whether to pick a key with a coordinate that begins with a zero byte, and to omit such bytes.
    #[serde(default)]
    pub short_coordinates: bool,
    /// Whether all its signatures have a high s.
    #[serde(default)]
    pub high_s: bool,
    /// Whether it belongs to a certificate.
    #[serde(default)]
    pub managed: bool,
    /// Whether its public key is a point off the curve, with a y of the same parity.
    #[serde(default)]
    pub off_curve: bool,
}

/// Key types. The stand-in signs with P-256 and P-256K only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// NIST P-256, tz3.
    #[serde(rename = "P-256")]
    P256,
    /// secp256k1, tz2.
    #[serde(rename = "P-256K")]
    P256K,
    /// NIST P-384.
    #[serde(rename = "P-384")]
    P384,
    /// NIST P-521.
    #[serde(rename = "P-521")]
    P521,
    /// RSA, 2048 bits.
    #[serde(rename = "RSA")]
    Rsa,
}

/// Identifies a key version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyVersion {
    /// Name of the key.
    pub name: String,
    /// Version, 32 hexadecimal digits.
    pub version: String,
}

/// Why a key cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidKey {
    /// The name is not 1 to 127 letters, digits or dashes.
    Name,
    /// The private key is not valid for the curve.
    PrivateKey,
    /// Short coordinates were requested for a given private key, or for a curve that the stand-in does not sign with.
    ShortCoordinates,
}

impl NewKey {
    /// An enabled key with a random private key that may sign and verify.
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
            Self::Name => "a key's name must be 1 to 127 letters, digits or dashes",
            Self::PrivateKey => "the private key is not valid for the curve, or the curve is neither P-256 nor P-256K",
            Self::ShortCoordinates => "short coordinates require P-256 or P-256K, and no given private key",
        })
    }
}

impl std::error::Error for InvalidKey {}

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
            .map_err(|_| D::Error::custom("a private key must be 64 hexadecimal digits"))?;
        Ok(Some(bytes))
    }
}
