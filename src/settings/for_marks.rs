//! The settings of the commands on marks.

use super::reader::Reader;
use super::table::{MAX_LEVEL_JUMP, RELAY_DEADLINE_MS};
use super::{Services, SettingsError};
use crate::chain::WatchSettings;
use std::time::Duration;

/// The settings that the commands on marks need.
pub struct MarksSettings {
    /// Where keys and marks are stored, and the identity of the process.
    pub services: Services,
    /// `NODE_URLS`, and how to query them. `None` without nodes.
    pub nodes: Option<WatchSettings>,
    /// `MAX_LEVEL_JUMP`.
    pub max_level_jump: u32,
    /// The longest time that a request may be in flight: `REQUEST_DEADLINE_MS` or `RELAY_DEADLINE_MS`.
    pub longest_deadline: Duration,
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
        let services = reader.services();
        let longest_deadline = reader.milliseconds(&RELAY_DEADLINE_MS).max(services.request_deadline);
        let (nodes, max_level_jump) = (reader.nodes(), reader.levels(&MAX_LEVEL_JUMP));
        let settings = Self { services, nodes, max_level_jump, longest_deadline };
        reader.require_database(&settings.services);
        reader.finish(settings)
    }
}
