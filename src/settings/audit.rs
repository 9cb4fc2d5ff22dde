//! The settings of the history of signatures.

use super::reader::Reader;
use super::table::AUDIT_CONTAINER_URL;
use super::{Services, SettingsError};
use crate::audit::ContainerUrl;

/// The settings that `audit export` needs.
pub struct AuditSettings {
    /// `AUDIT_CONTAINER_URL`.
    pub container: Option<ContainerUrl>,
    /// The process's identity, among others.
    pub services: Services,
}

impl AuditSettings {
    /// Reads the settings. `names` lists all variables that are set.
    ///
    /// # Errors
    /// [`SettingsError`], which lists every invalid setting.
    pub fn read(variable: impl Fn(&str) -> Option<String>, names: &[String]) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        reader.refuse_typos(names);
        let settings = Self { container: reader.audit_container(), services: reader.services() };
        reader.finish(settings)
    }
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn audit_container(&mut self) -> Option<ContainerUrl> {
        self.parsed_with_reason(&AUDIT_CONTAINER_URL)
    }
}
