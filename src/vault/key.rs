use crate::tezos::{Curve, PublicKey, PublicKeyHash};
use std::collections::BTreeSet;

/// One Tezos key: one version of one key in a vault.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name in the vault.
    pub name: String,
    /// Its version, if the vault has versions.
    pub version: Option<String>,
    /// Its public key.
    pub public_key: PublicKey,
    /// Its address.
    pub hash: PublicKeyHash,
    /// The stores that guard it: the tag `signer-marks` as it was read, of each name that the vault has for this key. Empty
    /// if there is no such tag.
    pub bound_to: BTreeSet<String>,
}

impl Key {
    /// A key by its name in the vault and its public key.
    pub fn new(name: String, public_key: PublicKey) -> Self {
        let hash = public_key.hash();
        Self { name, version: None, public_key, hash, bound_to: BTreeSet::new() }
    }

    /// The same, of one version.
    #[must_use]
    pub fn with_version(self, version: String) -> Self {
        Self { version: Some(version), ..self }
    }

    /// The same, bound to these stores.
    #[must_use]
    pub fn with_bound_to(self, bound_to: BTreeSet<String>) -> Self {
        Self { bound_to, ..self }
    }

    /// Its curve.
    pub const fn curve(&self) -> Curve {
        self.public_key.curve()
    }
}
