use crate::tezos::{Curve, PublicKey, PublicKeyHash};

/// One Tezos key: one version of one key in a vault.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name in the vault.
    pub name: String,
    /// Its public key.
    pub public_key: PublicKey,
    /// Its address.
    pub hash: PublicKeyHash,
}

impl Key {
    /// A key by its name in the vault and its public key.
    pub fn new(name: String, public_key: PublicKey) -> Self {
        let hash = public_key.hash();
        Self { name, public_key, hash }
    }

    /// Its curve.
    pub const fn curve(&self) -> Curve {
        self.public_key.curve()
    }
}
