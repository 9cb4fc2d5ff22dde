use super::reader::Reader;
use super::{MAX_LEVEL_JUMP_RANGE, Services, SettingsError, defaults};
use crate::chain::WatchSettings;

/// What the commands on marks need to know.
pub struct MarksSettings {
    /// Where keys and marks are, and who the process is there.
    pub services: Services,
    /// `NODE_URLS` and how they are asked; `None` if there are none.
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
            Self { services: reader.services(), nodes: reader.nodes(), max_level_jump: reader.max_level_jump() };
        reader.require_database(&settings.services);
        reader.finish(settings)
    }
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn max_level_jump(&mut self) -> u32 {
        self.levels("MAX_LEVEL_JUMP", defaults::MAX_LEVEL_JUMP, MAX_LEVEL_JUMP_RANGE)
    }
}
