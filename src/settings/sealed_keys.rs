//! Where sealed keys are stored, and how the keys of their recipients are released.

use super::MarkStoreSettings;
use super::reader::Reader;
use super::table::{
    ATTESTATION_ENDPOINT, COSMOS_ENDPOINT, SEALED_KEYS_CONTAINER, SEALED_KEYS_DIR, SECURE_KEY_RELEASE_URL,
};
use crate::marks::CosmosSettings;
use crate::vault::sealed::KeyReleaseSettings;
use std::path::PathBuf;

/// Where sealed keys are stored: in a folder, in a container, in both, or nowhere.
#[derive(Clone, Default)]
pub struct SealedKeysSettings {
    /// `SEALED_KEYS_DIR`.
    pub folder: Option<PathBuf>,
    /// `SEALED_KEYS_CONTAINER`, in the account and the database of the marks.
    pub container: Option<CosmosSettings>,
}

impl SealedKeysSettings {
    /// Whether neither is set.
    pub const fn is_empty(&self) -> bool {
        self.folder.is_none() && self.container.is_none()
    }
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn sealed_keys(&mut self, marks: &MarkStoreSettings) -> SealedKeysSettings {
        let folder = self.path(&SEALED_KEYS_DIR).map(PathBuf::from);
        if !self.is_set(&SEALED_KEYS_CONTAINER) {
            return SealedKeysSettings { folder, container: None };
        }
        let container = self.resource_name(&SEALED_KEYS_CONTAINER);
        let container = match marks {
            MarkStoreSettings::Cosmos(marks) if marks.container == container => {
                self.wrong(&SEALED_KEYS_CONTAINER, "expected another container than that of the marks");
                None
            }
            MarkStoreSettings::Cosmos(marks) => Some(CosmosSettings { container, ..marks.clone() }),
            MarkStoreSettings::Embedded => {
                self.expect_with(&COSMOS_ENDPOINT, &[Some(SEALED_KEYS_CONTAINER.name)]);
                None
            }
        };
        SealedKeysSettings { folder, container }
    }

    /// One setting without the other shows that the other was forgotten or misspelt.
    pub(super) fn key_release(&mut self) -> Option<KeyReleaseSettings> {
        let sidecar = self.parsed_with_reason(&SECURE_KEY_RELEASE_URL);
        let attestation = self.parsed_with_reason(&ATTESTATION_ENDPOINT);
        self.expect_with(&SECURE_KEY_RELEASE_URL, &[self.name_if_set(&ATTESTATION_ENDPOINT)]);
        self.expect_with(&ATTESTATION_ENDPOINT, &[self.name_if_set(&SECURE_KEY_RELEASE_URL)]);
        Some(KeyReleaseSettings { sidecar: sidecar?, attestation: attestation? })
    }
}
