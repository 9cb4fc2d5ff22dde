//! The settings of the commands on marks.

use super::reader::Reader;
use super::table::MAX_LEVEL_JUMP;
use super::{Services, SettingsError};
use crate::chain::WatchSettings;

/// What the commands on marks need to know.
pub struct MarksSettings {
    /// Where keys and marks are, and who the process is there.
    pub services: Services,
    /// `NODE_URLS`, and how to query them. `None` without nodes.
    pub nodes: Option<WatchSettings>,
    /// `MAX_LEVEL_JUMP`.
    pub max_level_jump: u32,
}

impl MarksSettings {
    /// Reads them. The rules are those of the signer's start, so that such a command never opens another mark store than the
    /// signer would. `names` are those of all variables that are set.
    ///
    /// # Errors
    /// [`SettingsError`], with all that is wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>, names: &[String]) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        reader.refuse_typos(names);
        let settings =
            Self { services: reader.services(), nodes: reader.nodes(), max_level_jump: reader.levels(&MAX_LEVEL_JUMP) };
        reader.require_database(&settings.services);
        reader.finish(settings)
    }
}
