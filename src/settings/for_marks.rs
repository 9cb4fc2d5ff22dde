//! The settings of the commands on marks.

use super::reader::Reader;
use super::table::MAX_LEVEL_JUMP;
use super::{Services, SettingsError};
use crate::chain::WatchSettings;

/// The settings that the commands on marks need.
pub struct MarksSettings {
    /// Where keys and marks are stored, and the identity of the process.
    pub services: Services,
    /// `NODE_URLS`, and how to query them. `None` without nodes.
    pub nodes: Option<WatchSettings>,
    /// `MAX_LEVEL_JUMP`.
    pub max_level_jump: u32,
}

impl MarksSettings {
    /// Reads the settings. The same rules apply as when the signer starts, so a command never opens another mark store than the
    /// signer would. `names` lists all variables that are set.
    ///
    /// # Errors
    /// [`SettingsError`], which lists every invalid setting.
    pub fn read(variable: impl Fn(&str) -> Option<String>, names: &[String]) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        reader.refuse_typos(names);
        let settings =
            Self { services: reader.services(), nodes: reader.nodes(), max_level_jump: reader.levels(&MAX_LEVEL_JUMP) };
        reader.require_database(&settings.services);
        reader.finish(settings)
    }
}
