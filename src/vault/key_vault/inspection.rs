use super::discovery::AT_A_TIME;
use super::{KeyIdentifier, KeyVault, public_key};
use crate::tezos::PublicKey;
use crate::vault::VaultError;
use azure_security_keyvault_keys::ResourceExt;
use azure_security_keyvault_keys::models::{JsonWebKey, KeyAttributes, KeyRotationPolicy};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeSet;

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

    /// The public keys of all versions of all keys, and of those in `SIGNING_KEYS`: also of those that cannot sign now, since
    /// they are disabled or expired, say, and may sign again one day. Keys that can never sign for Tezos are left out.
    pub async fn all_public_keys(&self) -> AllPublicKeys {
        let mut all = AllPublicKeys::default();
        let mut versions: BTreeSet<_> = self.listed().await.into_iter().collect();
        match self.several_tries(|| self.versions()).await {
            Ok(listed) => versions.extend(listed.into_iter().map(|(version, _)| version)),
            Err(error) => all.unlisted = Some(error),
        }
        let mut answers = stream::iter(versions)
            .map(|version| async move {
                let key = self.several_tries(|| self.read_key(&version)).await;
                (version, key)
            })
            .buffered(AT_A_TIME);
        while let Some((version, key)) = answers.next().await {
            match key.map(|key| key.key.as_ref().and_then(public_key_of)) {
                Ok(key) => all.keys.extend(key.map(|key| (version, key))),
                Err(error) => all.unread.push((version, error)),
            }
        }
        all
    }

    /// When a key is rotated and its new versions expire.
    pub(crate) async fn rotation_policy(&self, name: &str) -> Result<KeyRotationPolicy, VaultError> {
        let policy = async { self.client.get_key_rotation_policy(name, None).await?.into_model() };
        policy.await.map_err(|error| self.explained(&error))
    }
}

/// The public keys of a vault.
#[derive(Debug, Default)]
pub struct AllPublicKeys {
    /// Those that could be read, in the order of their names.
    pub keys: Vec<(KeyIdentifier, PublicKey)>,
    /// Versions that could not.
    pub unread: Vec<(KeyIdentifier, VaultError)>,
    /// Why there may be others: the vault did not list them.
    pub unlisted: Option<VaultError>,
}

/// Whatever operations it is permitted now.
fn public_key_of(key: &JsonWebKey) -> Option<PublicKey> {
    let key = JsonWebKey { key_ops: Some(vec!["sign".to_owned()]), ..key.clone() };
    public_key(&key).ok()
}
