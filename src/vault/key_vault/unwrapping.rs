//! Unwrapping data keys with an RSA key of a vault.

use super::errors::{is_unauthorized, vault_error};
use super::{KeyIdentifier, VaultUrl, client, http_client};
use crate::azure::{ScopedTokens, TlsRoots, Tokens};
use crate::net::retry::LATE_AFTER;
use crate::vault::VaultError;
use azure_core::Error;
use azure_security_keyvault_keys::KeyClient;
use azure_security_keyvault_keys::models::{EncryptionAlgorithm, KeyOperationParameters};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// A client of a vault for its RSA keys: unwraps with RSA-OAEP-256, and reads the public halves.
pub struct KeyUnwrapper {
    pub(super) client: KeyClient,
    tokens: Arc<ScopedTokens>,
}

impl KeyUnwrapper {
    /// A client of the vault. Requests a token, which is renewed until the client is dropped, but does not call the vault yet.
    ///
    /// # Errors
    /// If no HTTP client can be built.
    pub fn new(url: &VaultUrl, tokens: Arc<Tokens>, roots: TlsRoots, answer_timeout: Duration) -> Result<Self, Error> {
        let tokens = tokens.scoped(&url.scope());
        let http_client = http_client(url, roots, LATE_AFTER, answer_timeout)?;
        let client = client(url, http_client, Arc::clone(&tokens))?;
        Ok(Self { client, tokens })
    }

    /// Unwraps a key, with one call. The SDK keeps no copy of the result, but does not wipe its buffers.
    ///
    /// # Errors
    /// [`VaultError`]
    pub async fn unwrap_key(
        &self,
        KeyIdentifier { name, version }: &KeyIdentifier,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let parameters = KeyOperationParameters {
            algorithm: Some(EncryptionAlgorithm::RsaOaep256),
            value: Some(wrapped.to_vec()),
            ..Default::default()
        };
        let answer: Result<_, Error> =
            async { self.client.unwrap_key(name, version, parameters.try_into()?, None).await?.into_model() }.await;
        let result = answer.map_err(|error| self.explained(&error))?;
        Ok(Zeroizing::new(result.result.unwrap_or_default()))
    }

    /// Converts an error of the SDK. If the token was rejected, requests a new one.
    pub(super) fn explained(&self, error: &Error) -> VaultError {
        if is_unauthorized(error) {
            self.tokens.renew();
        }
        vault_error(error)
    }
}
