//! The embedded vault: keys in one file, for development and test networks.

mod contents;
mod error;
mod file;
mod lock;
mod name;

pub use error::KeyFileError;
pub use file::KeyFile;
pub use name::{InvalidKeyName, KeyName};

use super::blocking::on_blocking_thread;
use super::{FoundKeys, Key, Vault, VaultError};
use crate::tezos::{BlsPublicKey, BlsScheme, Curve, PublicKeyHash, SecretKey, Signature};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use tracing::warn;

/// Keys of all four curves from a [`KeyFile`], held in memory. Not for stake on mainnet: anyone who can read the process
/// or the file has the keys.
pub struct EmbeddedVault {
    file: KeyFile,
    held: ArcSwap<Held>,
}

/// The contents of the file as last read.
struct Held {
    stamp: file::Stamp,
    keys: HashMap<PublicKeyHash, HeldKey>,
}

struct HeldKey {
    name: KeyName,
    secret: Arc<SecretKey>,
}

impl EmbeddedVault {
    /// Opens the vault and reads its keys.
    ///
    /// # Errors
    /// [`KeyFileError`] if the file cannot be read.
    pub fn open(file: KeyFile) -> Result<Self, KeyFileError> {
        let held = Held::read(&file)?;
        Ok(Self { file, held: ArcSwap::from_pointee(held) })
    }

    fn secret(&self, key: &Key) -> Result<Arc<SecretKey>, VaultError> {
        self.held
            .load()
            .keys
            .get(&key.hash)
            .map(|held| Arc::clone(&held.secret))
            .ok_or_else(|| VaultError::unable(format!("{} has been removed", key.hash)))
    }
}

#[async_trait]
impl Vault for EmbeddedVault {
    async fn keys(&self) -> Result<FoundKeys, VaultError> {
        let file = self.file.clone();
        let seen = self.held.load().stamp;
        let held = on_blocking_thread(move || Held::read_if_changed(&file, seen))
            .await?
            .map_err(|error| VaultError::unavailable(error.to_string()))?;
        if let Some(held) = held {
            self.held.store(Arc::new(held));
        }
        let held = self.held.load();
        let mut usable: Vec<_> =
            held.keys.values().map(|held| Key::new(held.name.to_string(), held.secret.public_key().clone())).collect();
        usable.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(FoundKeys { usable, unread: None, ..FoundKeys::default() })
    }

    async fn sign(&self, key: &Key, payload: &[u8], scheme: BlsScheme) -> Result<Signature, VaultError> {
        let secret = self.secret(key)?;
        if key.curve() == Curve::Bls {
            let payload = payload.to_vec();
            return Ok(on_blocking_thread(move || secret.sign(&payload, scheme)).await??);
        }
        // Signing blocks this thread, so let requests start their I/O first.
        tokio::task::yield_now().await;
        Ok(secret.sign(payload, scheme)?)
    }

    async fn prove_possession(&self, key: &Key, about: Option<&BlsPublicKey>) -> Result<Signature, VaultError> {
        let secret = self.secret(key)?;
        let about = about.cloned();
        Ok(on_blocking_thread(move || secret.prove_possession(about.as_ref())).await??)
    }
}

impl Held {
    fn read_if_changed(file: &KeyFile, seen: file::Stamp) -> Result<Option<Self>, KeyFileError> {
        let stamp = file.stamp()?;
        if stamp.is_of_no_file() && !seen.is_of_no_file() {
            // It may be in the process of being restored: keep the keys in memory.
            return Err(KeyFileError::Gone { path: file.path() });
        }
        if stamp == seen { Ok(None) } else { Self::read(file).map(Some) }
    }

    fn read(file: &KeyFile) -> Result<Self, KeyFileError> {
        let stamp = file.stamp()?;
        if let Some(mode) = file.permissions_of_others() {
            let path = file.path();
            warn!(
                event = "key_file_exposed",
                path = %path.display(),
                mode = format!("{mode:o}"),
                command = format!("chmod 600 {}", path.display()),
                "the key file is open to other users of this machine"
            );
        }
        let keys = file
            .read()?
            .into_iter()
            .map(|(name, secret)| (secret.public_key().hash(), HeldKey { name, secret: Arc::new(secret) }))
            .collect();
        Ok(Self { stamp, keys })
    }
}
