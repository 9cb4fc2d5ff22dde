use super::Consequence;
use crate::crypto::Curve;
use serde::{Deserialize, Serialize};

/// The file of keys: those that a signer is given, and texts that are keys and hashes, or are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// Where the schema is.
    #[serde(rename = "$schema")]
    pub schema: String,
    /// What the file is about.
    pub about: String,
    /// What the keys under `keys` are there for.
    pub roles: Vec<Role>,
    /// Keys that the other files name. **Secret keys in the clear: for tests, and for nothing else.**
    pub keys: Vec<Key>,
    /// The cases.
    pub cases: Vec<KeyCase>,
}

/// What some of the keys may sign; the signer's configuration has to say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name, which the names of its keys begin with.
    pub role: String,
    /// Whether the signer holds these keys. It must not hold the others.
    pub held: bool,
    /// What such a key may sign, in words.
    pub may_sign: String,
}

/// A test key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What the cases call it: role, hyphen, curve.
    pub name: String,
    /// Its role.
    pub role: String,
    /// Its curve.
    pub curve: Curve,
    /// The secret key. **For tests, and for nothing else.**
    pub secret_key: String,
    /// The public key.
    pub public_key: String,
    /// The address.
    pub hash: String,
    /// The proof of possession about itself, for tz4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof_of_possession: Option<String>,
}

/// What a text can be.
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

/// A key that every library must derive alike, or a text that none must take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
pub enum KeyCase {
    /// Secret key, public key and hash belong together.
    Derivation {
        /// The id.
        id: String,
        /// Why the case exists.
        why: String,
        /// What a difference costs at most.
        consequence: Consequence,
        /// The key's name under `keys`, if it is one of them: a signer is asked for its public key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// The curve.
        curve: Curve,
        /// The secret key.
        secret_key: String,
        /// The public key.
        public_key: String,
        /// The address.
        hash: String,
        /// The proof of possession about itself, for tz4.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof_of_possession: Option<String>,
    },
    /// A text that is not what it should be. Where it should be a hash, a signer is asked for it.
    Malformed {
        /// The id.
        id: String,
        /// Why the case exists.
        why: String,
        /// What a difference costs at most.
        consequence: Consequence,
        /// What it should be.
        malformed: KeyText,
        /// The text.
        text: String,
    },
}

impl KeyCase {
    /// The id.
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

    /// What a difference costs at most.
    pub const fn consequence(&self) -> Consequence {
        match self {
            Self::Derivation { consequence, .. } | Self::Malformed { consequence, .. } => *consequence,
        }
    }
}
