//! Test keys, and cases of key texts.

use super::Consequence;
use crate::crypto::Curve;
use serde::{Deserialize, Serialize};

/// The key file: the test keys, and cases of texts that are valid or malformed keys and hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// Path of the schema.
    #[serde(rename = "$schema")]
    pub schema: String,
    /// Description of the file.
    pub about: String,
    /// The purposes of the keys.
    pub roles: Vec<Role>,
    /// Keys that the other files refer to. **Secret keys in the clear: for tests only.**
    pub keys: Vec<Key>,
    /// Cases.
    pub cases: Vec<KeyCase>,
}

/// A purpose of keys: what the signer's configuration must permit them to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Name, the first part of its keys' names.
    pub role: String,
    /// Whether the signer holds these keys. It must not hold the others.
    pub held: bool,
    /// What these keys may sign, in prose.
    pub may_sign: String,
}

/// A test key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Name in the cases: role, hyphen, curve.
    pub name: String,
    /// Role.
    pub role: String,
    /// Curve.
    pub curve: Curve,
    /// Secret key. **For tests only.**
    pub secret_key: String,
    /// Public key.
    pub public_key: String,
    /// Public key hash.
    pub hash: String,
    /// Proof of possession of its own secret key, for tz4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof_of_possession: Option<String>,
}

/// A type of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyText {
    /// A secret key.
    SecretKey,
    /// A public key.
    PublicKey,
    /// A public key hash.
    Hash,
}

/// A key that every library must derive identically, or a text that all must reject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
pub enum KeyCase {
    /// A secret key with its public key and hash.
    Derivation {
        /// Case id.
        id: String,
        /// Why the case exists.
        why: String,
        /// The most that a difference can cost.
        consequence: Consequence,
        /// Name under `keys`, if it is listed there: a signer is then queried for its public key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Curve.
        curve: Curve,
        /// Secret key.
        secret_key: String,
        /// Public key.
        public_key: String,
        /// Public key hash.
        hash: String,
        /// Proof of possession of its own secret key, for tz4.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof_of_possession: Option<String>,
    },
    /// A malformed text. If it should be a hash, a signer is queried for it.
    Malformed {
        /// Case id.
        id: String,
        /// Why the case exists.
        why: String,
        /// The most that a difference can cost.
        consequence: Consequence,
        /// The type that it should be.
        malformed: KeyText,
        /// The text.
        text: String,
    },
}

impl KeyCase {
    /// Case id.
    pub fn id(&self) -> &str {
        match self {
            Self::Derivation { id, .. } | Self::Malformed { id, .. } => id,
        }
    }

    /// Why the case exists.
    pub fn why(&self) -> &str {
        match self {
            Self::Derivation { why, .. } | Self::Malformed { why, .. } => why,
        }
    }

    /// The most that a difference can cost.
    pub const fn consequence(&self) -> Consequence {
        match self {
            Self::Derivation { consequence, .. } | Self::Malformed { consequence, .. } => *consequence,
        }
    }
}
