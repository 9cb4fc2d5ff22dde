//! The tag that binds a key to its mark store: read by a signer, written by an operator's command.

use super::{KeyIdentifier, KeyVault};
use crate::marks::binding::TAG;
use crate::vault::VaultError;
use azure_core::Error;
use azure_security_keyvault_keys::models::{
    Key as VaultKey, KeyClientUpdateKeyPropertiesOptions, UpdateKeyPropertiesParameters,
};
use std::collections::{BTreeSet, HashMap};

/// The values of the tag `signer-marks`: at most one, unless it exists in several spellings.
pub fn bound_to(read: &VaultKey) -> BTreeSet<String> {
    tags_that_bind(read.tags.as_ref())
}

/// The same for a map of tags.
pub(super) fn tags_that_bind(tags: Option<&HashMap<String, String>>) -> BTreeSet<String> {
    let tags = tags.into_iter().flatten();
    tags.filter(|(name, _)| is_binding(name)).map(|(_, value)| value.clone()).collect()
}

fn is_binding(name: &str) -> bool {
    name.eq_ignore_ascii_case(TAG)
}

impl KeyVault {
    /// Sets the tag `signer-marks` of a version, and keeps its other tags. Returns the previous values; if the value is the same,
    /// nothing is written. Needs the permission to update keys, which a signer does not have.
    ///
    /// # Errors
    /// [`VaultError`]. Unless the vault refused, the tag may have been written.
    pub async fn bind(&self, key: &KeyIdentifier, value: &str) -> Result<BTreeSet<String>, VaultError> {
        let read = self.with_retries(|| self.read_key(key)).await?;
        let before = bound_to(&read);
        let mut tags = read.tags.unwrap_or_default();
        if tags.get(TAG).is_some_and(|tag| tag == value) && before.len() == 1 {
            return Ok(before);
        }
        // The service replaces all tags.
        tags.retain(|name, _| !is_binding(name));
        tags.insert(TAG.to_owned(), value.to_owned());
        let parameters = UpdateKeyPropertiesParameters { tags: Some(tags), ..Default::default() };
        self.with_retries(|| self.update(key, parameters.clone())).await?;
        Ok(before)
    }

    async fn update(&self, key: &KeyIdentifier, parameters: UpdateKeyPropertiesParameters) -> Result<(), VaultError> {
        let options =
            KeyClientUpdateKeyPropertiesOptions { key_version: Some(key.version.clone()), ..Default::default() };
        let updated: Result<_, Error> =
            async { self.client.update_key_properties(&key.name, parameters.try_into()?, Some(options)).await }.await;
        updated.map(drop).map_err(|error| self.explained(&error))
    }
}
