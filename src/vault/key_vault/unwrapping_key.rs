//! Reading the public half of an RSA key that unwraps.

use super::{KeyIdentifier, KeyUnwrapper};
use crate::net::retry::{Again, GaveUp, LATE_AFTER, persist};
use crate::vault::VaultError;
use azure_core::Error;
use azure_security_keyvault_keys::models::{Key, KeyClientGetKeyOptions, KeyType};
use tokio::time::Instant;

/// The public half of an RSA key in hardware; both numbers are big-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnwrappingKey {
    /// The modulus.
    pub modulus: Vec<u8>,
    /// The exponent.
    pub exponent: Vec<u8>,
}

impl KeyUnwrapper {
    /// Reads a key, for an operator who seals keys for it. Retries until the deadline.
    ///
    /// # Errors
    /// [`VaultError`], also if the key cannot unwrap or is not in hardware.
    pub async fn read_key(&self, key: &KeyIdentifier, deadline: Instant) -> Result<UnwrappingKey, VaultError> {
        let again = |error: &VaultError| match error {
            VaultError::Unavailable { retry_after, .. } => Again::Yes(*retry_after),
            _ => Again::Once,
        };
        let read = persist(deadline, LATE_AFTER, None, || self.read_key_once(key), again).await;
        read.map_err(|gave_up| match gave_up {
            GaveUp::Final(error) | GaveUp::Deadline(Some(error)) => error,
            GaveUp::Deadline(None) => VaultError::unavailable("no answer in time"),
        })
    }

    async fn read_key_once(
        &self,
        KeyIdentifier { name, version }: &KeyIdentifier,
    ) -> Result<UnwrappingKey, VaultError> {
        let options = KeyClientGetKeyOptions { key_version: Some(version.clone()), ..Default::default() };
        let answer: Result<Key, Error> = async { self.client.get_key(name, Some(options)).await?.into_model() }.await;
        unwrapping_key(answer.map_err(|error| self.explained(&error))?).map_err(VaultError::unable)
    }
}

fn unwrapping_key(key: Key) -> Result<UnwrappingKey, &'static str> {
    if key.attributes.and_then(|attributes| attributes.enabled) == Some(false) {
        return Err("the key is disabled");
    }
    let jwk = key.key.ok_or("the vault's answer has no key")?;
    match jwk.kty {
        Some(KeyType::RsaHsm) => {}
        Some(KeyType::Rsa) => {
            return Err("the vault keeps this key in software: create one in hardware (--kty RSA-HSM)");
        }
        _ => return Err("this is not an RSA key: create one with --kty RSA-HSM"),
    }
    let may_unwrap = jwk.key_ops.is_none_or(|operations| operations.iter().any(|name| name == "unwrapKey"));
    if !may_unwrap {
        return Err("the key does not permit unwrapping (--ops unwrapKey)");
    }
    match (jwk.n, jwk.e) {
        (Some(modulus), Some(exponent)) => Ok(UnwrappingKey { modulus, exponent }),
        _ => Err("the vault's answer has no RSA public key"),
    }
}
