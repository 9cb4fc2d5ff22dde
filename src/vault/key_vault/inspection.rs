use super::discovery::AT_A_TIME;
use super::{KeyIdentifier, KeyVault};
use crate::vault::VaultError;
use azure_security_keyvault_keys::ResourceExt;
use azure_security_keyvault_keys::models::{KeyAttributes, KeyRotationPolicy};
use futures::{StreamExt, TryStreamExt, stream};

/// What an operator wants to know of a vault, beside what signing needs. Each question is asked once.
impl KeyVault {
    /// All versions of all keys with what the list says of them, in the order of their names. None is left out,
    /// whatever is wrong with it.
    pub(crate) async fn versions(&self) -> Result<Vec<(KeyIdentifier, Option<KeyAttributes>)>, VaultError> {
        let names = self.list_names().await?;
        let lists: Vec<_> = stream::iter(names)
            .map(|name| async move { self.list_versions(&name).await })
            .buffer_unordered(AT_A_TIME)
            .try_collect()
            .await?;
        let mut versions: Vec<_> = lists
            .into_iter()
            .flatten()
            .filter_map(|properties| {
                let id = properties.resource_id().ok()?;
                Some((KeyIdentifier { name: id.name, version: id.version? }, properties.attributes))
            })
            .collect();
        versions.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(versions)
    }

    /// When a key is rotated and its new versions expire.
    pub(crate) async fn rotation_policy(&self, name: &str) -> Result<KeyRotationPolicy, VaultError> {
        let policy = async { self.client.get_key_rotation_policy(name, None).await?.into_model() };
        policy.await.map_err(|error| self.explained(&error))
    }
}
