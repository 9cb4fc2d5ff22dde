//! A key in a vault.

use super::sealed::Purpose;
use crate::tezos::{Curve, PublicKey, PublicKeyHash};
use std::collections::BTreeSet;

/// One Tezos key: one version of one key in a vault.
#[derive(Debug, Clone)]
pub struct Key {
    /// The name in the vault.
    pub name: String,
    /// The version, if the vault has versions.
    pub version: Option<String>,
    /// The public key.
    pub public_key: PublicKey,
    /// The address.
    pub hash: PublicKeyHash,
    /// The mark stores that the key is bound to: the values of the tag `signer-marks` on each of its names in the vault. Empty if
    /// there is no such tag.
    pub bound_to: BTreeSet<String>,
    /// What a sealed key is for; `None` for a key of a vault.
    pub purpose: Option<Purpose>,
}

impl Key {
    /// A key without a version and without tags.
    pub fn new(name: String, public_key: PublicKey) -> Self {
        let hash = public_key.hash();
        Self { name, version: None, public_key, hash, bound_to: BTreeSet::new(), purpose: None }
    }

    /// Sets the version.
    #[must_use]
    pub fn with_version(self, version: String) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Sets the stores that it is bound to.
    #[must_use]
    pub fn with_bound_to(self, bound_to: BTreeSet<String>) -> Self {
        Self { bound_to, ..self }
    }

    /// Makes it a sealed key.
    #[must_use]
    pub fn with_purpose(self, purpose: Purpose) -> Self {
        Self { purpose: Some(purpose), ..self }
    }

    /// The curve of the public key.
    pub const fn curve(&self) -> Curve {
        self.public_key.curve()
    }
}
