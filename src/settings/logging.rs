//! Format and filter of the log: `LOG_FORMAT` and `RUST_LOG`.

use super::reader::Reader;
use super::table::{LOG_FORMAT, RUST_LOG};
use super::{LogFilter, SettingsError};
use std::str::FromStr;
use thiserror::Error;

/// Format and filter of the log, which are needed before the other settings are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// `LOG_FORMAT`.
    pub format: LogFormat,
    /// `RUST_LOG`.
    pub filter: LogFilter,
}

impl LogSettings {
    /// Reads the settings. `variable` returns the value of an environment variable.
    ///
    /// # Errors
    /// [`SettingsError`], which lists every invalid setting.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variable);
        let format = reader.choice(&LOG_FORMAT).unwrap_or_default();
        let filter = reader.parsed_with_reason(&RUST_LOG).unwrap_or_default();
        reader.finish(Self { format, filter })
    }
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = UnknownLogFormat;

    fn from_str(text: &str) -> Result<Self, UnknownLogFormat> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(UnknownLogFormat(text.to_owned())),
        }
    }
}

/// A text that is not a [`LogFormat`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not 'auto', 'text' or 'json'")]
pub struct UnknownLogFormat(String);
