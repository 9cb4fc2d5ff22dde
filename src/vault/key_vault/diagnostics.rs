//! Properties of a vault that only operators' commands need.

use super::calls::{MAX_PARALLEL_CALLS, NextPage, Page, identifier};
use super::{KeyIdentifier, KeyVault, public_key};
use crate::tezos::PublicKey;
use crate::vault::VaultError;
use azure_core::error::{Error, ErrorKind};
use azure_security_keyvault_keys::models::{KeyAttributes, KeyProperties};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};

/// A key version as listed.
#[derive(Debug)]
pub struct ListedVersion {
    /// The key's name and version.
    pub id: KeyIdentifier,
    /// Whether it is enabled, and its period of validity.
    pub attributes: Option<KeyAttributes>,
    /// Whether it is the key of a certificate.
    pub managed: Option<bool>,
    /// The tags of the version.
    pub tags: Option<HashMap<String, String>>,
}

/// When a key is rotated, and when its new versions expire. Parsed here, since the SDK accepts only one spelling of each action,
/// while the service documents them as case-insensitive.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationPolicy {
    lifetime_actions: Option<Vec<LifetimeAction>>,
    attributes: Option<PolicyAttributes>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct LifetimeAction {
    action: Option<Action>,
    trigger: Option<Trigger>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Action {
    r#type: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trigger {
    time_after_create: Option<String>,
    time_before_expiry: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyAttributes {
    expiry_time: Option<String>,
}

impl LifetimeAction {
    fn rotates(&self) -> bool {
        let action = self.action.as_ref().and_then(|action| action.r#type.as_deref());
        action.is_some_and(|action| action.eq_ignore_ascii_case("rotate"))
    }
}

impl RotationPolicy {
    /// When the vault rotates the key, as text; `None` if it does not.
    pub fn rotates(&self) -> Option<String> {
        let rotate = self.lifetime_actions.iter().flatten().find(|action| action.rotates())?;
        let trigger = rotate.trigger.as_ref();
        let after = trigger.and_then(|trigger| trigger.time_after_create.as_ref());
        let before = trigger.and_then(|trigger| trigger.time_before_expiry.as_ref());
        Some(match (after, before) {
            (Some(after), _) => format!("{after} after its creation"),
            (None, Some(before)) => format!("{before} before it expires"),
            (None, None) => "at an unspecified time".to_owned(),
        })
    }

    /// How long after their creation new versions expire, as an ISO 8601 duration.
    pub fn expires_after(&self) -> Option<&str> {
        self.attributes.as_ref()?.expiry_time.as_deref()
    }
}

impl KeyVault {
    /// All versions of all keys as listed, in the order of their names, including ineligible ones. Without retries.
    pub(crate) async fn versions(&self) -> Result<Vec<ListedVersion>, VaultError> {
        self.list(false).await
    }

    /// The same, optionally with retries.
    async fn list(&self, retries: bool) -> Result<Vec<ListedVersion>, VaultError> {
        let list_keys = async |page: NextPage| {
            if retries { self.with_retries(|| self.list_keys(page.clone())).await } else { self.list_keys(page).await }
        };
        let list_versions = async |name: &str, page: NextPage| {
            if retries {
                self.with_retries(|| self.list_versions(name, page.clone())).await
            } else {
                self.list_versions(name, page).await
            }
        };
        let keys = pages(list_keys).await?;
        let mut names: Vec<_> = keys.iter().filter_map(identifier).map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        let list_versions = &list_versions;
        let lists: Vec<_> = stream::iter(names)
            .map(|name| async move { pages(async |page| list_versions(&name, page).await).await })
            .buffer_unordered(MAX_PARALLEL_CALLS)
            .try_collect()
            .await?;
        let mut versions: Vec<_> = lists
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let (name, version) = identifier(&entry)?;
                let id = KeyIdentifier { name, version: version? };
                let KeyProperties { attributes, managed, tags, .. } = entry;
                Some(ListedVersion { id, attributes, managed, tags })
            })
            .collect();
        versions.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(versions)
    }

    /// The public keys of all versions of all keys, and of those in `SIGNING_KEYS`, including disabled and expired ones, which may
    /// sign again. Keys that can never sign for Tezos are left out.
    pub async fn all_public_keys(&self) -> AllPublicKeys {
        let mut all = AllPublicKeys::default();
        let mut versions: BTreeSet<_> = self.listed().await.into_iter().collect();
        match self.list(true).await {
            Ok(listed) => versions.extend(listed.into_iter().map(|version| version.id)),
            Err(error) => all.unlisted = Some(error),
        }
        let mut answers = stream::iter(versions)
            .map(|version| async move {
                let key = self.with_retries(|| self.read_key(&version)).await;
                (version, key)
            })
            .buffered(MAX_PARALLEL_CALLS);
        while let Some((version, key)) = answers.next().await {
            match key.map(|key| key.key.as_ref().and_then(|jwk| public_key(jwk).ok())) {
                Ok(key) => all.keys.extend(key.map(|key| (version, key))),
                Err(error) => all.unread.push((version, error)),
            }
        }
        all
    }

    /// Reads the rotation policy of a key.
    pub(crate) async fn rotation_policy(&self, name: &str) -> Result<RotationPolicy, VaultError> {
        let policy = async {
            let answer = self.client.get_key_rotation_policy(name, None).await?;
            serde_json::from_slice(answer.body())
                .map_err(|error| Error::with_error(ErrorKind::DataConversion, error, "not a rotation policy"))
        };
        policy.await.map_err(|error| self.explained(&error))
    }
}

/// The public keys of a vault.
#[derive(Debug, Default)]
pub struct AllPublicKeys {
    /// The readable ones, in the order of their names.
    pub keys: Vec<(KeyIdentifier, PublicKey)>,
    /// Versions that could not be read.
    pub unread: Vec<(KeyIdentifier, VaultError)>,
    /// Why there may be others: the vault could not list its keys.
    pub unlisted: Option<VaultError>,
}

/// Reads all entries of a list.
async fn pages(read: impl AsyncFn(NextPage) -> Result<Page, VaultError>) -> Result<Vec<KeyProperties>, VaultError> {
    let mut entries = Vec::new();
    let mut next = None;
    loop {
        let page = read(next).await?;
        entries.extend(page.entries);
        next = page.next;
        if next.is_none() {
            return Ok(entries);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_case_insensitive() {
        for (json, rotates, expires_after) in [
            (
                r#"{"lifetimeActions":[{"trigger":{"timeAfterCreate":"P9D"},"action":{"type":"Rotate"}}]}"#,
                Some("P9D after its creation"),
                None,
            ),
            (
                r#"{"lifetimeActions":[{"trigger":{"timeAfterCreate":"P9D"},"action":{"type":"rotate"}}]}"#,
                Some("P9D after its creation"),
                None,
            ),
            (
                r#"{"lifetimeActions":[{"trigger":{"timeBeforeExpiry":"P9D"},"action":{"type":"ROTATE"}}]}"#,
                Some("P9D before it expires"),
                None,
            ),
            (
                r#"{"lifetimeActions":[{"trigger":null,"action":{"type":"Rotate"}}]}"#,
                Some("at an unspecified time"),
                None,
            ),
            (r#"{"lifetimeActions":[{"trigger":{"timeAfterCreate":"P9D"},"action":{"type":"notify"}}]}"#, None, None),
            (r#"{"lifetimeActions":null,"attributes":{"expiryTime":"P90D"}}"#, None, Some("P90D")),
            (r#"{"id":"a","attributes":{"expiryTime":null,"created":1}}"#, None, None),
            ("{}", None, None),
        ] {
            let policy: RotationPolicy = serde_json::from_str(json).unwrap();
            assert_eq!((policy.rotates().as_deref(), policy.expires_after()), (rotates, expires_after), "{json}");
        }
    }
}
