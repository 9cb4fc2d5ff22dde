//! Signing with a key in the vault.

use super::errors::{is_unauthorized, vault_error};
use super::{KeyIdentifier, KeyVault};
use crate::tezos::{Curve, Digest, Signature};
use crate::vault::{Key, VaultError};
use azure_core::Error;
use azure_core::http::StatusCode;
use azure_security_keyvault_keys::models::{KeyClientSignOptions, SignParameters, SignatureAlgorithm};

impl KeyVault {
    /// Signs the digest of a payload with one call.
    pub(super) async fn sign_payload(&self, key: &Key, payload: &[u8]) -> Result<Signature, VaultError> {
        let version =
            key.version.clone().ok_or_else(|| VaultError::unable(format!("{} has no version in a vault", key.hash)))?;
        let identifier = KeyIdentifier { name: key.name.clone(), version };
        let digest = Digest::of(payload);
        self.sign_digest(&identifier, key.curve(), &digest).await
    }

    async fn sign_digest(
        &self,
        KeyIdentifier { name, version }: &KeyIdentifier,
        curve: Curve,
        digest: &Digest,
    ) -> Result<Signature, VaultError> {
        let algorithm = match curve {
            Curve::P256 => SignatureAlgorithm::Es256,
            Curve::Secp256k1 => SignatureAlgorithm::Es256K,
            Curve::Ed25519 | Curve::Bls => {
                return Err(VaultError::unable(format!("it does not support {} keys", curve.name())));
            }
        };
        let parameters = SignParameters { algorithm: Some(algorithm), value: Some(digest.as_bytes().to_vec()) };
        let options = KeyClientSignOptions { key_version: Some(version.clone()), ..Default::default() };
        let answer: Result<_, Error> =
            async { self.client.sign(name, parameters.try_into()?, Some(options)).await?.into_model() }.await;
        let bytes = answer.map_err(|error| self.explained(&error))?.result.unwrap_or_default();
        signature(curve, &bytes)
    }

    /// Converts an error of the SDK. If the token was rejected, requests a new one.
    pub(super) fn explained(&self, error: &Error) -> VaultError {
        match error.http_status() {
            Some(StatusCode::TooManyRequests) => self.counts.throttled(),
            Some(StatusCode::Forbidden) => self.counts.denied(),
            _ => {}
        }
        if is_unauthorized(error) {
            self.tokens.renew();
        }
        vault_error(error)
    }
}

/// r and s, 32 bytes each (RFC 7518, section 3.4). The signature is verified later.
fn signature(curve: Curve, bytes: &[u8]) -> Result<Signature, VaultError> {
    let wrong = |reason: String| VaultError::unavailable(format!("its answer is not a signature: {reason}"));
    let bytes = bytes.try_into().map_err(|_| wrong(format!("length {}, expected 64 bytes", bytes.len())))?;
    if curve == Curve::P256 {
        return Ok(Signature::P256(bytes));
    }
    Signature::secp256k1(&bytes).map_err(|error| wrong(error.to_string()))
}
