//! A vault in memory with faults, whose signatures are randomized like an HSM's.

use async_trait::async_trait;
use azurehsm_signer::tezos::{BlsPublicKey, BlsScheme, Curve, PublicKey, SecretKey, Signature};
use azurehsm_signer::vault::{FoundKeys, Key, Vault, VaultError};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A fault of the next signature.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The vault is temporarily unavailable.
    Unavailable,
    /// The vault cannot sign at all.
    Unable,
    /// The vault returns a signature of other data.
    WrongSignature,
}

/// A key of any curve. P-256 keys return s in the upper and the lower half alternately, so that a payload has different valid
/// signatures, like randomized ones.
pub(crate) struct MemoryVault {
    secret: SecretKey,
    pub(crate) key: Key,
    faults: Mutex<VecDeque<Fault>>,
    pub(crate) delay: Duration,
    pub(crate) signatures: AtomicUsize,
    /// Its list of keys.
    pub(crate) listing: Mutex<Listing>,
}

/// The result of listing keys.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Listing {
    /// The key.
    #[default]
    All,
    /// No key, but some could not be read.
    SomeUnread,
    /// No answer.
    Unavailable,
    /// No keys exist.
    None,
}

impl MemoryVault {
    pub(crate) fn new(curve: Curve) -> Self {
        let secret = SecretKey::generate(curve).unwrap();
        let key = Key::new("baker".to_owned(), secret.public_key().clone());
        let (faults, delay, signatures, listing) = Default::default();
        Self { secret, key, faults, delay, signatures, listing }
    }

    pub(crate) fn inject(&self, fault: Fault) {
        self.faults.lock().unwrap().push_back(fault);
    }

    pub(crate) fn recover(&self) {
        self.faults.lock().unwrap().clear();
    }
}

#[async_trait]
impl Vault for MemoryVault {
    async fn keys(&self) -> Result<FoundKeys, VaultError> {
        let unavailable = VaultError::unavailable("injected");
        match *self.listing.lock().unwrap() {
            Listing::All => Ok(FoundKeys { usable: vec![self.key.clone()], unread: None, ..FoundKeys::default() }),
            Listing::SomeUnread => {
                Ok(FoundKeys { usable: Vec::new(), unread: Some(unavailable), ..FoundKeys::default() })
            }
            Listing::Unavailable => Err(unavailable),
            Listing::None => Ok(FoundKeys::default()),
        }
    }

    async fn sign(&self, _: &Key, payload: &[u8], scheme: BlsScheme) -> Result<Signature, VaultError> {
        let number = self.signatures.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.delay).await;
        let fault = self.faults.lock().unwrap().pop_front();
        let signature = match fault {
            Some(Fault::Unavailable) => return Err(VaultError::unavailable("injected")),
            Some(Fault::Unable) => return Err(VaultError::unable("injected")),
            Some(Fault::WrongSignature) => self.secret.sign(b"something else", scheme),
            None => self.secret.sign(payload, scheme),
        }
        .unwrap();
        Ok(match signature {
            Signature::P256(bytes) if number % 2 == 1 => Signature::P256(with_other_s(&bytes)),
            signature => signature,
        })
    }

    async fn prove_possession(&self, _: &Key, about: Option<&BlsPublicKey>) -> Result<Signature, VaultError> {
        Ok(self.secret.prove_possession(about).unwrap())
    }
}

/// −s is as valid as s.
fn with_other_s(bytes: &[u8; 64]) -> [u8; 64] {
    let signature = p256::ecdsa::Signature::from_slice(bytes).unwrap();
    let (r, s) = signature.split_scalars();
    let other = p256::ecdsa::Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).unwrap();
    assert_ne!(signature, other);
    other.to_bytes().into()
}

/// Verifies with `p256`; the signer uses aws-lc.
pub(crate) fn is_p256_signature(key: &PublicKey, payload: &[u8], signature: &Signature) -> bool {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key.as_bytes()).unwrap();
    let digest = azurehsm_signer::tezos::Digest::of(payload);
    p256::ecdsa::Signature::from_slice(signature.as_bytes())
        .is_ok_and(|signature| key.verify_prehash(digest.as_bytes(), &signature).is_ok())
}
