//! How and what is logged: `LOG_FORMAT` and `RUST_LOG`.

use super::reader::Reader;
use super::table::{LOG_FORMAT, RUST_LOG};
use super::{LogFilter, SettingsError};
use std::str::FromStr;

/// How and what is logged. It is needed before the other settings are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// `LOG_FORMAT`.
    pub format: LogFormat,
    /// `RUST_LOG`.
    pub filter: LogFilter,
}

impl LogSettings {
    /// Reads them. `variable` gives the value of an environment variable.
    ///
    /// # Errors
    /// [`SettingsError`], with all that is wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        let format = reader.choice(&LOG_FORMAT).unwrap_or_default();
        let filter = reader.parsed_with_reason(&RUST_LOG).unwrap_or_default();
        reader.finish(Self { format, filter })
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}
