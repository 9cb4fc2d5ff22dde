//! The calls that read the vault's keys: one page of a list, or one version.

use super::{KeyIdentifier, KeyVault};
use crate::net::retry::{Again, GaveUp, persist};
use crate::vault::VaultError;
use azure_core::Error;
use azure_core::http::pager::{PagerContinuation, PagerOptions};
use azure_security_keyvault_keys::ResourceExt;
use azure_security_keyvault_keys::models::{
    Key as VaultKey, KeyClientGetKeyOptions, KeyClientListKeyPropertiesOptions,
    KeyClientListKeyPropertiesVersionsOptions, KeyProperties,
};
use futures::TryStreamExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Maximum number of parallel calls. A vault allows thousands in ten seconds; this limits connections.
pub(super) const MAX_PARALLEL_CALLS: usize = 8;

/// How often one call may fail in one search.
const MAX_FAILURES: u32 = 3;

/// Time limit of one call with its retries.
const CALL_TIMEOUT: Duration = Duration::from_secs(6);

/// If the vault requests a longer pause, the search handles it.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Continuation of a list; `None` for its first page.
pub(super) type NextPage = Option<PagerContinuation>;

/// One page of a list.
pub(super) struct Page {
    pub(super) entries: Vec<KeyProperties>,
    /// The next page, if there is one.
    pub(super) next: NextPage,
}

impl KeyVault {
    /// Reads a page of the list of keys.
    pub(super) async fn list_keys(&self, page: NextPage) -> Result<Page, VaultError> {
        let page = async {
            let method_options = PagerOptions { continuation: page, ..PagerOptions::default() };
            let options = KeyClientListKeyPropertiesOptions { method_options, ..Default::default() };
            let mut pages = self.client.list_key_properties(Some(options))?.into_pages();
            let entries = match pages.try_next().await? {
                Some(page) => page.into_model()?.value,
                None => Vec::new(),
            };
            Ok(Page { entries, next: pages.into_continuation() })
        };
        page.await.map_err(|error: Error| self.explained(&error))
    }

    /// Reads a page of the list of a key's versions.
    pub(super) async fn list_versions(&self, name: &str, page: NextPage) -> Result<Page, VaultError> {
        let page = async {
            let method_options = PagerOptions { continuation: page, ..PagerOptions::default() };
            let options = KeyClientListKeyPropertiesVersionsOptions { method_options, ..Default::default() };
            let mut pages = self.client.list_key_properties_versions(name, Some(options))?.into_pages();
            let entries = match pages.try_next().await? {
                Some(page) => page.into_model()?.value,
                None => Vec::new(),
            };
            Ok(Page { entries, next: pages.into_continuation() })
        };
        page.await.map_err(|error: Error| self.explained(&error))
    }

    pub(crate) async fn read_key(&self, key: &KeyIdentifier) -> Result<VaultKey, VaultError> {
        let options = KeyClientGetKeyOptions { key_version: Some(key.version.clone()), ..Default::default() };
        let read: Result<_, Error> = async { self.client.get_key(&key.name, Some(options)).await?.into_model() }.await;
        read.map_err(|error| self.explained(&error))
    }

    /// Retries a call as long as it may succeed.
    pub(super) async fn with_retries<T, A>(&self, call: impl Fn() -> A) -> Result<T, VaultError>
    where
        A: Future<Output = Result<T, VaultError>>,
    {
        let failures = AtomicU32::new(0);
        let again = |error: &VaultError| match error {
            VaultError::Unavailable { retry_after: Some(pause), .. } if *pause > MAX_PAUSE => Again::No,
            VaultError::Unavailable { .. } if failures.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_FAILURES => Again::No,
            VaultError::Unavailable { retry_after, .. } => Again::Yes(*retry_after),
            VaultError::Unable(_) | VaultError::Untrusted(_) | VaultError::Denied(_) | VaultError::Missing(_) => {
                Again::No
            }
        };
        let deadline = Instant::now() + CALL_TIMEOUT;
        persist(deadline, self.hedge_after, Some(&self.counts), call, again).await.map_err(|gave_up| match gave_up {
            GaveUp::Final(error) | GaveUp::Deadline(Some(error)) => error,
            GaveUp::Deadline(None) => VaultError::unavailable(format!("no answer within {} s", CALL_TIMEOUT.as_secs())),
        })
    }
}

/// The name of an entry, and its version if it is from a list of versions.
pub(super) fn identifier(entry: &KeyProperties) -> Option<(String, Option<String>)> {
    let id = entry.resource_id().ok()?;
    Some((id.name, id.version))
}
